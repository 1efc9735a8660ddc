// What TLS needs of OpenSSL 3 that Swift cannot import: its macros, and a BIO that never raises SIGPIPE.
#ifndef SPRINGTIDE_COPENSSL_H
#define SPRINGTIDE_COPENSSL_H

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <sys/socket.h>

/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a connection that the peer has reset. */
static inline int springtide_bio_write(BIO *bio, const char *bytes, int count) {
    BIO_clear_retry_flags(bio);
    for (;;) {
        ssize_t sent = send((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)count, MSG_NOSIGNAL);
        if (sent >= 0) return (int)sent;
        if (errno == EINTR) continue;
        if (errno == EAGAIN) BIO_set_retry_write(bio);
        return -1;
    }
}

static inline int springtide_bio_read(BIO *bio, char *bytes, int count) {
    BIO_clear_retry_flags(bio);
    for (;;) {
        ssize_t received = recv((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)count, 0);
        if (received > 0) return (int)received;
        if (received == 0) {
            BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
            return 0;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) BIO_set_retry_read(bio);
        return -1;
    }
}

static inline long springtide_bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

/* One method per process; NULL where memory has run out. */
static inline BIO_METHOD *springtide_bio_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    if (method) {
        BIO_meth_set_write(method, springtide_bio_write);
        BIO_meth_set_read(method, springtide_bio_read);
        BIO_meth_set_ctrl(method, springtide_bio_ctrl);
    }
    return method;
}

/* Gives `ssl` a BIO of `method` over a descriptor that stays the caller's; 0 where memory has run out. */
static inline int springtide_ssl_attach(SSL *ssl, const BIO_METHOD *method, int descriptor) {
    BIO *bio = BIO_new(method);
    if (!bio) return 0;
    BIO_set_data(bio, (void *)(intptr_t)descriptor);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

/* Encrypted keys are refused: asking for a passphrase at the terminal would stop the process. */
static inline int springtide_no_passphrase(char *buffer, int size, int isWriting, void *context) {
    (void)buffer;
    (void)size;
    (void)isWriting;
    (void)context;
    return -1;
}

/* What every connection of `context` keeps to: TLS 1.2 or later, no renegotiation, no compression, no tickets kept. */
static inline int springtide_ctx_prepare(SSL_CTX *context) {
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION)) return 0;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 65536);
    SSL_CTX_set_default_passwd_cb(context, springtide_no_passphrase);
    return 1;
}

/* Server name indication. */
static inline int springtide_ssl_set_sni(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

/* The reason number of a packed error. */
static inline int springtide_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

#endif
