/* SPDX-License-Identifier: MIT */
#include "compression.h"

#include <errno.h>
#include <limits.h>

#ifdef HAVE_ZLIB
#include <zlib.h>

enum { ZLIB_LEVEL = 6 };

static size_t zlib_bound(size_t len)
{
    return compressBound(len);
}

/* Whoever compresses often keeps the state of either library: to make zlib's anew takes 80 µs,
 * whatever the bytes. */
static int zlib_compress(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *dst_len)
{
    static z_stream stream;
    if (len > UINT_MAX || cap > UINT_MAX)
        return -ENOMEM;
    if ((stream.state ? deflateReset(&stream) : deflateInit(&stream, ZLIB_LEVEL)) != Z_OK)
        return -ENOMEM;
    stream.next_in = (z_const Bytef *)src;
    stream.avail_in = (uInt)len;
    stream.next_out = dst;
    stream.avail_out = (uInt)cap;
    const int result = deflate(&stream, Z_FINISH);
    *dst_len = cap - stream.avail_out;
    return result == Z_STREAM_END ? 0 : -ENOMEM;
}

static int zlib_expand(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *dst_len)
{
    static z_stream stream;
    if (len > UINT_MAX || cap > UINT_MAX)
        return -ENOMEM;
    if ((stream.state ? inflateReset(&stream) : inflateInit(&stream)) != Z_OK)
        return -ENOMEM;
    stream.next_in = (z_const Bytef *)src;
    stream.avail_in = (uInt)len;
    stream.next_out = dst;
    stream.avail_out = (uInt)cap;
    const int result = inflate(&stream, Z_FINISH);
    *dst_len = cap - stream.avail_out;
    return result == Z_STREAM_END ? 0 : -EBADMSG;
}
#endif

#ifdef HAVE_ZSTD
#include <zstd.h>

enum { ZSTD_LEVEL = 3 };

static size_t zstd_bound(size_t len)
{
    return ZSTD_compressBound(len);
}

static int zstd_compress(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *dst_len)
{
    static ZSTD_CCtx *context;
    if (!context && !(context = ZSTD_createCCtx()))
        return -ENOMEM;
    *dst_len = ZSTD_compressCCtx(context, dst, cap, src, len, ZSTD_LEVEL);
    return ZSTD_isError(*dst_len) ? -ENOMEM : 0;
}

static int zstd_expand(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *dst_len)
{
    static ZSTD_DCtx *context;
    if (!context && !(context = ZSTD_createDCtx()))
        return -ENOMEM;
    *dst_len = ZSTD_decompressDCtx(context, dst, cap, src, len);
    return ZSTD_isError(*dst_len) ? -EBADMSG : 0;
}
#endif

const struct compressor compressors[] = {
#ifdef HAVE_ZLIB
    {"zlib", ZLIB_LEVEL, zlibVersion, zlib_bound, zlib_compress, zlib_expand},
#endif
#ifdef HAVE_ZSTD
    {"zstd", ZSTD_LEVEL, ZSTD_versionString, zstd_bound, zstd_compress, zstd_expand},
#endif
    {0},
};
