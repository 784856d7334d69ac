/* SPDX-License-Identifier: MIT */
/*
 * JSON by simdjson, which only reads. Decode: its DOM, for that checks the whole text before
 * anything is used. Reading some fields: its On Demand, which leaves unchecked what nobody asks
 * for. The parser is kept per thread, as the library's manual asks: so decode allocates nothing for
 * the tape once it has seen a text as long. The library reads beyond the end of its input, so parse
 * copies the text first, with padding. UTF-8 is checked. It stops at 1024 levels, without
 * recursion. Equal keys both stay.
 */
#include "codec.h"

#include "field.h"
#include "json_heap.h"
#include "json_is.h"
#include "json_scalar.h"

#include <errno.h>
#include <math.h>
#include <memory>
#include <new>
#include <simdjson.h>
#include <stdlib.h>

namespace
{

using simdjson::dom::element_type;
using json_node = simdjson::dom::element;
struct json_members {
    simdjson::dom::object::iterator at, end;
};
struct json_elements {
    simdjson::dom::array::iterator at, end;
};

inline json_is node_is(json_node node)
{
    switch (node.type()) {
    case element_type::ARRAY:
        return JSON_IS_ARRAY;
    case element_type::OBJECT:
        return JSON_IS_OBJECT;
    case element_type::INT64:
        return JSON_IS_SIGNED;
    case element_type::UINT64:
        return JSON_IS_UNSIGNED;
    case element_type::DOUBLE:
        return JSON_IS_REAL;
    case element_type::STRING:
        return JSON_IS_STRING;
    case element_type::BOOL:
        return JSON_IS_BOOL;
    case element_type::NULL_VALUE:
        break;
    }
    return JSON_IS_NULL;
}

inline const char *node_text(json_node node, size_t *len)
{
    std::string_view text = node.get_string().value_unsafe(); /* a NUL follows it */
    *len = text.size();
    return text.data();
}

inline int64_t node_signed(json_node node)
{
    return node.get_int64().value_unsafe();
}

inline uint64_t node_unsigned(json_node node)
{
    return node.get_uint64().value_unsafe();
}

inline double node_real(json_node node)
{
    return node.get_double().value_unsafe();
}

inline bool node_bool(json_node node)
{
    return node.get_bool().value_unsafe();
}

/* The library's count has 24 bits, and says all ones from there on. */
template <typename Container> inline size_t count_of(Container container)
{
    constexpr size_t many = 0xffffff;
    size_t count = container.size();
    if (count < many)
        return count;
    count = 0;
    for (auto at = container.begin(); at != container.end(); ++at)
        count++;
    return count;
}

inline size_t node_count(json_node node)
{
    return node.type() == element_type::ARRAY ? count_of(node.get_array().value_unsafe())
                                              : count_of(node.get_object().value_unsafe());
}

inline json_members members_of(json_node node)
{
    simdjson::dom::object object = node.get_object().value_unsafe();
    return {object.begin(), object.end()};
}

inline bool members_left(const json_members *members)
{
    return members->at != members->end;
}

inline void members_next(json_members *members)
{
    ++members->at;
}

inline json_node member(const json_members *members)
{
    return members->at.value();
}

inline const char *member_key(const json_members *members, size_t *len)
{
    std::string_view key = members->at.key();
    *len = key.size();
    return key.data();
}

inline json_elements elements_of(json_node node)
{
    simdjson::dom::array array = node.get_array().value_unsafe();
    return {array.begin(), array.end()};
}

inline bool elements_left(const json_elements *elements)
{
    return elements->at != elements->end;
}

inline void elements_next(json_elements *elements)
{
    ++elements->at;
}

inline json_node element(const json_elements *elements)
{
    return *elements->at;
}

#include "json_from_tree.inc"

/* A thread's parser; what one text needed is kept for the next. */
simdjson::dom::parser &parser()
{
    static thread_local simdjson::dom::parser kept;
    return kept;
}

/* In proportion to the text: a copy of it, 4 bytes for every sign, 8 for every place on the tape,
 * and its strings. */
const json_cost cost = {0, 0, 0, 0, 16};

int parse_tree(const uint8_t *src, size_t len, json_node *root)
{
    constexpr bool copy_with_padding = true;
    if (!json_heap_fits(src, len, &cost))
        return -ENOMEM;
    switch (parser().parse(src, len, copy_with_padding).get(*root)) {
    case simdjson::SUCCESS:
        return 0;
    case simdjson::MEMALLOC:
        return -ENOMEM;
    default:
        return -EBADMSG;
    }
}

/* A thread does not hold on to what one very long text took. */
void forget(size_t len)
{
    constexpr size_t long_text = size_t{4} << 20;
    if (len > long_text)
        parser() = simdjson::dom::parser();
}

int decode(const plan *plan, const uint8_t *src, size_t len, ProtobufCAllocator *allocator,
           ProtobufCMessage **message)
{
    json_node root;
    *message = nullptr;
    int error = parse_tree(src, len, &root);
    if (error == 0)
        error = read_root(plan, root, allocator, message);
    forget(len);
    return error;
}

int check(const plan *, const uint8_t *src, size_t len)
{
    return json_heap_fits(src, len, &cost) ? 0 : -ENOMEM;
}

/* The parser holds the tree, and keeps its memory: there is nothing to drop. */
struct Held {
    json_node root;
};
static_assert(sizeof(Held) <= sizeof(codec_hold), "it is held in place");

int tree_parse(const uint8_t *src, size_t len, codec_hold *hold)
{
    return parse_tree(src, len, &(new (hold) Held())->root);
}

int tree_convert(const plan *plan, const codec_hold *hold, ProtobufCAllocator *allocator,
                 ProtobufCMessage **message)
{
    return read_root(plan, reinterpret_cast<const Held *>(hold)->root, allocator, message);
}

constexpr codec_tree make_phases()
{
    codec_tree made{};
    made.parse = tree_parse;
    made.convert = tree_convert;
    made.single = true;
    return made;
}

constexpr codec_tree phases = make_phases();

#include "simdjson_demand.inc"

const char *version()
{
    return SIMDJSON_STRINGIFY(SIMDJSON_VERSION);
}

constexpr codec make_codec()
{
    codec made{};
    made.name = "simdjson";
    made.label = "simdjson";
    made.format = "JSON";
    made.library = "simdjson";
    made.content_type = "application/json";
    made.version = version;
    made.decode = decode;
    made.check = check;
    made.read = read_fields;
    made.tree = &phases;
    return made;
}

} // namespace

extern "C" const codec simdjson_codec = make_codec();
