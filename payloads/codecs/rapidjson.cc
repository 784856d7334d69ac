/* SPDX-License-Identifier: MIT */
/*
 * JSON by RapidJSON, headers only. Encode: its Writer, fed value by value, into its StringBuffer,
 * which has the fast paths, and from there a copy. Decode: a copy of the text, parsed in place into
 * a Document, the fast way to a tree; iteratively, as its default is to recurse without a limit,
 * and with full precision, as its default may be wrong in the last digits. Values live in a pool
 * that begins on the stack. Equal keys both stay. UTF-8 is not checked, which is its default; nor
 * is, in the library, whether memory was there.
 */
#include "codec.h"

#include "field.h"
#include "json_heap.h"
#include "json_is.h"
#include "json_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
/* What clang's sanitizer minds in 1.1.0, and what does no harm: its stacks add to a null pointer
 * before they have memory, and 0e-310 makes it count the leading zeros of 0, to shift that 0 and
 * subtract the count from an exponent. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow", "builtin", "shift",    \
                                                        "signed-integer-overflow"))),              \
                             apply_to = function)
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

int encode(const plan *plan, const ProtobufCMessage *message, uint8_t *dst, size_t cap, size_t *len)
{
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    if (!write_message(writer, plan->root, message, 1))
        return -EINVAL;
    *len = buffer.GetSize();
    if (*len > cap)
        return -ENOSPC;
    memcpy(dst, buffer.GetString(), *len);
    return 0;
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

/* A tree and the text that its strings are in. */
class Tree
{
  public:
    Tree() : pool(first_block, sizeof(first_block)), document(&pool)
    {
    }
    ~Tree()
    {
        free(text);
    }
    Tree(const Tree &) = delete;
    Tree &operator=(const Tree &) = delete;

    int parse(const uint8_t *src, size_t len)
    {
        constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                                   rapidjson::kParseFullPrecisionFlag;
        if (!json_heap_fits(src, len, &cost))
            return -ENOMEM;
        text = static_cast<char *>(malloc(len + 1));
        if (text == nullptr)
            return -ENOMEM;
        memcpy(text, src, len);
        text[len] = '\0';
        rapidjson::InsituStringStream stream(text);
        document.ParseStream<flags>(stream);
        /* A NUL ends the text for the library, wherever it is. */
        return !document.HasParseError() && stream.Tell() == len ? 0 : -EBADMSG;
    }

    const rapidjson::Value *root() const
    {
        return &document;
    }

  private:
    char first_block[16 << 10];
    char *text = nullptr;
    rapidjson::MemoryPoolAllocator<> pool;
    Document document;
};

int decode(const plan *plan, const uint8_t *src, size_t len, ProtobufCAllocator *allocator,
           ProtobufCMessage **message)
{
    Tree tree;
    *message = nullptr;
    int error = tree.parse(src, len);
    return error != 0 ? error : read_root(plan, tree.root(), allocator, message);
}

int parse(const uint8_t *src, size_t len)
{
    Tree tree;
    return tree.parse(src, len);
}

int read_fields(const plan *, const uint8_t *src, size_t len, const plan_field *const *fields,
                size_t count, uint64_t *sum)
{
    Tree tree;
    int error = tree.parse(src, len);
    return error != 0 ? error : read_nodes(tree.root(), fields, count, sum);
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
    made.parse = parse;
    made.read = read_fields;
    return made;
}

} // namespace

extern "C" const codec rapidjson_codec = make_codec();
