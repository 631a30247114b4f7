/* P2P_HAS_ASAN is defined if AddressSanitizer is compiled in: gcc and clang say so in ways of their
 * own. */
#ifndef P2P_BASE_ASAN_H
#define P2P_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define P2P_HAS_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define P2P_HAS_ASAN
#endif
#endif

#endif
