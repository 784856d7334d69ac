/* SPDX-License-Identifier: MIT */
/*
 * The fields of order.proto and feed.proto, once. An adapter says what its library does with one
 * of a kind, and these lists make straight-line code of it: each field becomes a statement of its
 * own with its offset, its kind and its name as constants, as if it were typed out.
 *
 *     F(label, kind, name, type)    a singular field
 *     R(kind, name, type)           a repeated one
 *
 * label: how the struct says that a field is there. type: of MSG, the message's short name.
 */
#ifndef ASSAY_BY_HAND_FIELDS_H
#define ASSAY_BY_HAND_FIELDS_H

#include "by_hand.h"
#include "field.h"

#include "feed.pb-c.h"
#include "order.pb-c.h"

/* In this order each type comes after those that it holds, itself apart. */
#define ALL_TYPES(X)                                                                               \
    X(Money) X(Address) X(Item) X(Customer) X(Order) X(Author) X(Comment) X(Post) X(Feed)

#define FIELDS_Money(F, R)                                                                         \
    F(PTR, STR, currency, )                                                                        \
    F(HAS, I64, units, )                                                                           \
    F(HAS, I32, nanos, )
#define FIELDS_Address(F, R)                                                                       \
    F(PTR, STR, street, )                                                                          \
    F(PTR, STR, city, )                                                                            \
    F(PTR, STR, postcode, )                                                                        \
    F(PTR, STR, country, )
#define FIELDS_Item(F, R)                                                                          \
    F(REQ, STR, sku, )                                                                             \
    F(PTR, STR, title, )                                                                           \
    F(HAS, U32, quantity, )                                                                        \
    F(PTR, MSG, price, Money)                                                                      \
    F(HAS, F64, weight_kg, )                                                                       \
    F(HAS, U64, seller_id, )
#define FIELDS_Customer(F, R)                                                                      \
    F(REQ, U64, id, )                                                                              \
    F(PTR, STR, name, )                                                                            \
    F(PTR, STR, email, )                                                                           \
    F(PTR, STR, phone, )                                                                           \
    F(HAS, I32, loyalty_points, )
#define FIELDS_Order(F, R)                                                                         \
    F(REQ, U64, id, )                                                                              \
    F(REQ, STR, number, )                                                                          \
    F(HAS, I64, placed_at_ms, )                                                                    \
    F(PTR, MSG, customer, Customer)                                                                \
    R(MSG, items, Item)                                                                            \
    F(PTR, MSG, billing, Address)                                                                  \
    F(PTR, MSG, shipping, Address)                                                                 \
    F(PTR, MSG, shipping_fee, Money)                                                               \
    F(PTR, MSG, discount, Money)                                                                   \
    F(PTR, MSG, total, Money)                                                                      \
    F(PTR, STR, coupon, )                                                                          \
    F(PTR, STR, note, )                                                                            \
    F(HAS, BOOL, gift, )                                                                           \
    R(STR, tags, )

#define FIELDS_Author(F, R)                                                                        \
    F(NUM, U64, id, )                                                                              \
    F(TEXT, STR, handle, )                                                                         \
    F(TEXT, STR, name, )                                                                           \
    F(NUM, BOOL, verified, )
#define FIELDS_Comment(F, R)                                                                       \
    F(PTR, MSG, author, Author)                                                                    \
    F(TEXT, STR, text, )                                                                           \
    F(NUM, U32, likes, )
#define FIELDS_Post(F, R)                                                                          \
    F(NUM, U64, id, )                                                                              \
    F(PTR, MSG, author, Author)                                                                    \
    F(NUM, I64, posted_at_ms, )                                                                    \
    F(TEXT, STR, language, )                                                                       \
    F(TEXT, STR, text, )                                                                           \
    R(STR, hashtags, )                                                                             \
    F(NUM, U32, likes, )                                                                           \
    F(NUM, U32, views, )                                                                           \
    F(NUM, BOOL, edited, )                                                                         \
    F(PTR, MSG, shared, Post)                                                                      \
    R(MSG, comments, Comment)
#define FIELDS_Feed(F, R)                                                                          \
    F(TEXT, STR, title, )                                                                          \
    F(NUM, U64, cursor, )                                                                          \
    R(MSG, posts, Post)

/* The struct of a type, and what fills it with defaults. */
#define STRUCT_Money Order__Money
#define STRUCT_Address Order__Address
#define STRUCT_Item Order__Item
#define STRUCT_Customer Order__Customer
#define STRUCT_Order Order__Order
#define STRUCT_Author Feed__Author
#define STRUCT_Comment Feed__Comment
#define STRUCT_Post Feed__Post
#define STRUCT_Feed Feed__Feed
#define INIT_Money order__money__init
#define INIT_Address order__address__init
#define INIT_Item order__item__init
#define INIT_Customer order__customer__init
#define INIT_Order order__order__init
#define INIT_Author feed__author__init
#define INIT_Comment feed__comment__init
#define INIT_Post feed__post__init
#define INIT_Feed feed__feed__init

/* Is it there? proto2's required, has_ flag and pointer; proto3's number and text. */
#define IS_REQ(message, name) true
#define IS_HAS(message, name) ((message)->has_##name != 0)
#define IS_PTR(message, name) ((message)->name != NULL)
#define IS_NUM(message, name) ((message)->name != 0)
#define IS_TEXT(message, name) ((message)->name != NULL && *(message)->name != '\0')

/* Now it is. */
#define SET_REQ(message, name) (void)0
#define SET_HAS(message, name) (message)->has_##name = 1
#define SET_PTR(message, name) (void)0
#define SET_NUM(message, name) (void)0
#define SET_TEXT(message, name) (void)0

/* What a decoder has seen: a key that comes twice is refused here, where by key is too little said
 * to be worth more code; what proto2 requires must come. */
#define SEEN(label, kind, name, T)                                                                 \
    bool seen_##name = false;                                                                      \
    (void)seen_##name;
#define SEEN_ARRAY(kind, name, T) SEEN(, kind, name, T)
#define LACKS_REQ(name) !seen_##name
#define LACKS_HAS(name) false
#define LACKS_PTR(name) false
#define LACKS_NUM(name) false
#define LACKS_TEXT(name) false
#define LACKS(label, kind, name, T) || LACKS_##label(name)
#define LACKS_ARRAY(kind, name, T)

/* What a decode ends with: the message, or nothing left of it. */
static inline int by_hand_settle(int error, void *made, ProtobufCAllocator *allocator,
                                 ProtobufCMessage **message)
{
    *message = (ProtobufCMessage *)made;
    if (error != 0 && made != NULL) {
        protobuf_c_message_free_unpacked(*message, allocator);
        *message = NULL;
    }
    return error;
}

#ifndef BY_HAND_SHAPE
#define BY_HAND_SHAPE NULL
#endif

/* by_hand_CODEC_TYPE_STYLE, of the functions encode_TYPE and decode_TYPE. */
#define BY_HAND_TEXT_(text) #text
#define BY_HAND_TEXT(text) BY_HAND_TEXT_(text)
#define BY_HAND_NAME_(codec, T, style) by_hand_##codec##_##T##_##style
#define BY_HAND_NAME(codec, T, style) BY_HAND_NAME_(codec, T, style)
#define BY_HAND(codec_, T, format_, library_, version_)                                            \
    extern const struct codec BY_HAND_NAME(codec_, T, STYLE);                                      \
    const struct codec BY_HAND_NAME(codec_, T, STYLE) = {                                          \
        .name = #codec_ "." BY_HAND_TEXT(STYLE),                                                   \
        .label = library_ " by hand, " BY_HAND_TEXT(STYLE),                                        \
        .format = format_,                                                                         \
        .library = library_,                                                                       \
        .content_type = "",                                                                        \
        .shape = BY_HAND_SHAPE,                                                                    \
        .version = version_,                                                                       \
        .encode = encode_##T,                                                                      \
        .decode = decode_##T,                                                                      \
    };

#endif
