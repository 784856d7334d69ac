/* SPDX-License-Identifier: MIT */
#include "by_hand.h"

#define BOTH(name, style)                                                                          \
    extern const struct codec by_hand_##name##_Order_##style, by_hand_##name##_Feed_##style;
BOTH(cjson, usual)
BOTH(cjson, tight)
BOTH(protobuf_c, usual)
BOTH(msgpack_c, usual)
BOTH(msgpack_c, tight)
BOTH(msgpack_c, inlined)
BOTH(json_floor, tight)

#define ROWS(name, style)                                                                          \
    {#name, #style, "order", &by_hand_##name##_Order_##style},                                     \
    {                                                                                              \
#name, #style, "feed", &by_hand_##name##_Feed_##style                                      \
    }

const struct by_hand by_hand[] = {
    ROWS(cjson, usual),      ROWS(cjson, tight),       ROWS(protobuf_c, usual),
    ROWS(msgpack_c, usual),  ROWS(msgpack_c, tight),   ROWS(msgpack_c, inlined),
    ROWS(json_floor, tight), {NULL, NULL, NULL, NULL},
};
