/* SPDX-License-Identifier: MIT */
/*
 * Protocol Buffers by Google's C++ library. It knows only the structs that protoc generates for it,
 * so its rows go from and to those: see codec_own. The build generates them for every payload, and
 * here they are found by the full name that payloads/rewrite.py makes up. encode: the size first,
 * then the bytes, as SerializeToArray does. decode: into a new struct on an arena whose first block
 * is kept and large enough for what came before (a place), or on the heap (none). Strings of proto3
 * are checked for UTF-8 on decode. It stops at 100 levels, and knows no budget for memory: bytes
 * that could make too much of it are refused before.
 */
#include "codec.h"

#include "plan.h"
#include "wire.h"

#include <cerrno>
#include <climits>
#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/common.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#if __has_include(<google/protobuf/stubs/logging.h>)
#include <google/protobuf/stubs/logging.h>
#endif

namespace
{

using google::protobuf::Arena;
using google::protobuf::Message;

/* Bad bytes are told by our result: what the library would write to stderr is turned off. */
bool silence()
{
#if __has_include(<google/protobuf/stubs/logging.h>)
    google::protobuf::SetLogHandler(nullptr);
#endif
    return true;
}

/* What payloads/rewrite.py calls it: a package may be called as a function of libc is (time), a
 * message as a macro. order.Order is P_order.M_Order. */
std::string made_up(const char *name)
{
    std::string made = name;
    made.insert(made.rfind('.') + 1, "M_");
    return "P_" + made;
}

/* The generated type of the plan's root; NULL if there is none. */
const Message *find(const plan *plan)
{
    static const bool silent = silence();
    const auto *type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
        made_up(plan->root->type->name));
    return silent && type != nullptr
               ? google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)
               : nullptr;
}

/* The same, for decodes on the heap: a user's code names the type, and looks for nothing. */
const Message *prototype_of(const plan *plan)
{
    static thread_local const ProtobufCMessageDescriptor *type;
    static thread_local const Message *prototype;
    if (type != plan->root->type) {
        prototype = find(plan);
        type = plan->root->type;
    }
    return prototype;
}

int parse(Message *message, const uint8_t *src, size_t len)
{
    return len <= INT_MAX && message->ParsePartialFromArray(src, static_cast<int>(len)) &&
                   message->IsInitialized()
               ? 0
               : -EBADMSG;
}

/* Where decodes go, one after the other. */
class Place
{
  public:
    explicit Place(const Message *type) : type(type)
    {
        renew(size_t{64} << 10);
    }

    int decode(const uint8_t *src, size_t len, const void **own)
    {
        const size_t taken = arena->SpaceAllocated();
        if (taken > size && taken <= CODEC_TREE_BUDGET / 2)
            renew(taken * 2);
        else
            arena->Reset();
        Message *message = type->New(&*arena);
        *own = message;
        return parse(message, src, len);
    }

  private:
    void renew(size_t bytes)
    {
        google::protobuf::ArenaOptions options;
        arena.reset();
        block.reset(new char[bytes]);
        size = bytes;
        options.initial_block = block.get();
        options.initial_block_size = bytes;
        arena.emplace(options);
    }

    const Message *type;
    std::unique_ptr<char[]> block;
    size_t size = 0;
    std::optional<Arena> arena;
};

/* With the message's own bytes: that is not for the clock. */
int adopt(const plan *plan, const ProtobufCMessage *message, void **own)
try {
    const codec *source = codec_find("protobuf_c");
    const Message *type = find(plan);
    *own = nullptr;
    if (type == nullptr)
        return -ENOTSUP;
    const size_t cap = codec_bound(plan, message);
    std::unique_ptr<uint8_t[]> bytes(new uint8_t[cap]);
    size_t len;
    int error = source->encode(plan, message, bytes.get(), cap, &len);
    if (error != 0)
        return error;
    std::unique_ptr<Message> made(type->New());
    error = parse(made.get(), bytes.get(), len);
    *own = error == 0 ? made.release() : nullptr;
    return error == 0 ? 0 : -EINVAL;
} catch (const std::bad_alloc &) {
    return -ENOMEM;
}

void drop(void *own)
{
    delete static_cast<Message *>(own);
}

int encode(const void *own, uint8_t *dst, size_t cap, size_t *len)
try {
    const auto *message = static_cast<const Message *>(own);
    *len = message->ByteSizeLong();
    if (*len > INT_MAX)
        return -EINVAL;
    if (*len > cap)
        return -ENOSPC;
    message->SerializeWithCachedSizesToArray(dst);
    return 0;
} catch (const std::bad_alloc &) {
    return -ENOMEM;
}

void *open(const plan *plan)
try {
    const Message *type = find(plan);
    return type ? new Place(type) : nullptr;
} catch (const std::bad_alloc &) {
    return nullptr;
}

void close(void *place)
{
    delete static_cast<Place *>(place);
}

int check(const plan *plan, const uint8_t *src, size_t len)
{
    return wire_heap_fits(plan, src, len) ? 0 : -ENOMEM;
}

int decode(const plan *plan, void *place, const uint8_t *src, size_t len, const void **own)
try {
    if (!wire_heap_fits(plan, src, len))
        return -ENOMEM;
    if (place != nullptr)
        return static_cast<Place *>(place)->decode(src, len, own);
    const Message *type = prototype_of(plan);
    if (type == nullptr)
        return -ENOTSUP;
    std::unique_ptr<Message> message(type->New());
    return parse(message.get(), src, len);
} catch (const std::bad_alloc &) {
    return -ENOMEM;
}

const char *version()
{
    static const std::string text =
        google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
    return text.c_str();
}

constexpr codec_own own_hooks = {adopt, drop, encode, open, close, decode};

constexpr codec make_codec()
{
    codec made{};
    made.name = "protobuf_cpp";
    made.label = "protobuf C++, own structs";
    made.format = "Protocol Buffers";
    made.library = "protobuf (C++)";
    made.content_type = "application/x-protobuf";
    made.version = version;
    made.check = check;
    made.own = &own_hooks;
    return made;
}

} // namespace

extern "C" const codec protobuf_cpp_codec = make_codec();
