/* SPDX-License-Identifier: MIT */
/*
 * JSON by RapidJSON, headers only, with its SIMD paths where the target has them. Encode: its
 * Writer, fed value by value, into its StringBuffer, which has the fast paths, and from there a
 * copy. Decode: a copy of the text, parsed in place into a Document, the fast way to a tree;
 * iteratively, as its default is to recurse without a limit, and with full precision, as its
 * default may be wrong in the last digits. Writer, buffer, and the pool that values live in are
 * kept per thread. Equal keys both stay. UTF-8 is not checked, which is its default; nor is, in the
 * library, whether memory was there.
 */
#include "codec.h"

#include "field.h"
#include "json_heap.h"
#include "json_is.h"
#include "json_scalar.h"

#include <errno.h>
#include <math.h>
#include <memory>
#include <stdlib.h>
/* What clang's sanitizer minds in 1.1.0, and what does no harm: its stacks add to a null pointer
 * before they have memory, and 0e-310 makes it count the leading zeros of 0, to shift that 0 and
 * subtract the count from an exponent. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow", "builtin", "shift",    \
                                                        "signed-integer-overflow"))),              \
                             apply_to = function)
#endif
/* What the compiler may use anyway; there is a portable path for all of it. */
#if defined(__SSE4_2__)
#define RAPIDJSON_SSE42
#elif defined(__SSE2__)
#define RAPIDJSON_SSE2
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define RAPIDJSON_NEON
#endif
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

/* ---- encode: events to the writer --------------------------------------------------------------
 */

namespace
{

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

#include "rapidjson_write.inc"

/* No thread holds on to what one very long document took. */
constexpr size_t long_text = size_t{4} << 20;

/* A thread's writer: what one text needed is there for the next. */
struct Kept {
    rapidjson::StringBuffer buffer;
    Writer writer;
};

int encode(const plan *plan, const ProtobufCMessage *message, uint8_t *dst, size_t cap, size_t *len)
{
    static thread_local Kept kept;
    kept.buffer.Clear();
    kept.writer.Reset(kept.buffer);
    if (!write_message(kept.writer, plan->root, message, 1))
        return -EINVAL;
    *len = kept.buffer.GetSize();
    const int error = *len <= cap ? 0 : -ENOSPC;
    if (error == 0)
        memcpy(dst, kept.buffer.GetString(), *len);
    if (*len > long_text) {
        kept.buffer.Clear();
        kept.buffer.ShrinkToFit();
    }
    return error;
}

/* ---- decode: the library's tree first, then the struct -----------------------------------------
 */

using Document = rapidjson::GenericDocument<rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<>>;
using json_node = const rapidjson::Value *;
struct json_members {
    rapidjson::Value::ConstMemberIterator at, end;
};
struct json_elements {
    rapidjson::Value::ConstValueIterator at, end;
};

inline json_is node_is(json_node node)
{
    switch (node->GetType()) {
    case rapidjson::kNullType:
        return JSON_IS_NULL;
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
        return JSON_IS_BOOL;
    case rapidjson::kObjectType:
        return JSON_IS_OBJECT;
    case rapidjson::kArrayType:
        return JSON_IS_ARRAY;
    case rapidjson::kStringType:
        return JSON_IS_STRING;
    case rapidjson::kNumberType:
        break;
    }
    return node->IsInt64() ? JSON_IS_SIGNED : node->IsUint64() ? JSON_IS_UNSIGNED : JSON_IS_REAL;
}

inline const char *node_text(json_node node, size_t *len)
{
    *len = node->GetStringLength();
    return node->GetString();
}

inline int64_t node_signed(json_node node)
{
    return node->GetInt64();
}

inline uint64_t node_unsigned(json_node node)
{
    return node->GetUint64();
}

inline double node_real(json_node node)
{
    return node->GetDouble();
}

inline bool node_bool(json_node node)
{
    return node->IsTrue();
}

inline size_t node_count(json_node node)
{
    return node->IsArray() ? node->Size() : node->MemberCount();
}

inline json_members members_of(json_node node)
{
    return {node->MemberBegin(), node->MemberEnd()};
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
    return &members->at->value;
}

inline const char *member_key(const json_members *members, size_t *len)
{
    return node_text(&members->at->name, len);
}

inline json_elements elements_of(json_node node)
{
    return {node->Begin(), node->End()};
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
    return elements->at;
}

inline bool node_find(json_node object, const plan_field *field, json_node *item)
{
    const rapidjson::Value name(rapidjson::StringRef(field->name, field->name_len));
    const auto found = object->FindMember(name);
    *item = found != object->MemberEnd() ? &found->value : nullptr;
    return *item != nullptr;
}

#include "json_from_tree.inc"
#include "json_read_tree.inc"

/* Values of 16 bytes gather on a stack that is copied to one half as large again, and from there go
 * into the tree; members are two of them. Strings stay in the copy of the text. */
const json_cost cost = {80, 64, 0, 0, 2};

#include "rapidjson_tree.inc"

/* On the heap: its 16 KiB would else be part of every thread's stack, if it decodes or not. */
Tree &kept_tree()
{
    static thread_local const std::unique_ptr<Tree> kept(new Tree);
    return *kept;
}

int decode(const plan *plan, const uint8_t *src, size_t len, ProtobufCAllocator *allocator,
           ProtobufCMessage **message)
{
    Tree &tree = kept_tree();
    *message = nullptr;
    int error = tree.parse(src, len);
    if (error != 0)
        return error;
    error = read_root(plan, tree.root(), allocator, message);
    tree.drop();
    return error;
}

int check(const plan *, const uint8_t *src, size_t len)
{
    return json_heap_fits(src, len, &cost) ? 0 : -ENOMEM;
}

int tree_parse(const uint8_t *src, size_t len, codec_hold *hold)
{
    hold->tree = &kept_tree();
    return kept_tree().parse(src, len);
}

int tree_convert(const plan *plan, const codec_hold *hold, ProtobufCAllocator *allocator,
                 ProtobufCMessage **message)
{
    return read_root(plan, static_cast<const Tree *>(hold->tree)->root(), allocator, message);
}

void tree_drop(codec_hold *hold)
{
    static_cast<Tree *>(hold->tree)->drop();
}

constexpr codec_tree make_phases()
{
    codec_tree made{};
    made.parse = tree_parse;
    made.convert = tree_convert;
    made.drop_parsed = tree_drop;
    made.single = true;
    return made;
}

constexpr codec_tree phases = make_phases();

int read_fields(const plan *, const uint8_t *src, size_t len, const plan_field *const *fields,
                size_t count, uint64_t *sum)
{
    Tree &tree = kept_tree();
    int error = tree.parse(src, len);
    if (error != 0)
        return error;
    error = read_nodes(tree.root(), fields, count, sum);
    tree.drop();
    return error;
}

const char *version()
{
    return RAPIDJSON_VERSION_STRING;
}

constexpr codec make_codec()
{
    codec made{};
    made.name = "rapidjson";
    made.label = "RapidJSON";
    made.format = "JSON";
    made.library = "RapidJSON";
    made.content_type = "application/json";
    made.version = version;
    made.encode = encode;
    made.decode = decode;
    made.check = check;
    made.read = read_fields;
    made.tree = &phases;
    return made;
}

} // namespace

extern "C" const codec rapidjson_codec = make_codec();
