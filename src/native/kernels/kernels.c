/*
 * Operators that ONNX Runtime lacks, as a library of custom operators for it.
 *
 * `npm run build:kernels` makes the binaries beside this file, without a C library, so that they
 * load on any Linux.
 */
#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef ORIGIN
#define ORIGIN ""
#endif

#define API __attribute__((visibility("default")))

#include "runtime.h"

#include "look-up.h"

#include "pixels.h"

#include "convolve-pixels.h"

#include "convolve.h"

/* The hash of the sources and the compiler, for the test that the binary is made by them. */
API const char orangery_kernels_origin[] = ORIGIN;

enum { most_threads = 64 };

/* How many threads a session is said to have, by the entry `orangery.threads`; 0 if it is not. */
static size_t read_threads(const void *options) {
  char value[8];
  size_t size = sizeof value, threads = 0;
  Status *status = CALL(get_session_config_entry, (const void *, const char *, char *, size_t *),
                        options, "orangery.threads", value, &size);
  if (status != NULL) return ((void (*)(void *))api[release_status])(status), 0;
  for (const char *digit = value; *digit >= '0' && *digit <= '9'; digit++) {
    threads = threads * 10 + *digit - '0';
  }
  return threads < most_threads ? threads : most_threads;
}

/*
 * ONNX Runtime calls this for each session's options. They keep the domain until the process ends:
 * whoever made it would have to release it after the last session, which nobody knows here.
 */
API Status *RegisterCustomOps(void *options, const ApiBase *base) {
  static void *domains[most_threads + 1];
  static ThreadedOperator convolve[most_threads + 1], convolve_tiles[most_threads + 1];
  __atomic_store_n(&api, base->get_api(api_version), __ATOMIC_RELEASE);
  __atomic_store_n(&look_up, quickest(), __ATOMIC_RELEASE);
  if (!choose_convolve_pixels(2)) choose_convolve_pixels(1);
  const size_t threads = read_threads(options);
  void *known = __atomic_load_n(&domains[threads], __ATOMIC_ACQUIRE);
  if (known == NULL) {
    /* Two threads may make one each, of the same bytes; both serve. */
    convolve[threads] = (ThreadedOperator){convolve_operator, threads};
    convolve_tiles[threads] = (ThreadedOperator){convolve_tiles_operator, threads};
    const Operator *const operators[] = {&look_up_operator, &to_planes_operator,
                                         &convolve_pixels_operator, &convolve[threads].operator,
                                         &convolve_tiles[threads].operator};
    TRY(CALL(create_domain, (const char *, void **), "orangery", &known));
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
      TRY(CALL(add_operator, (void *, const Operator *), known, operators[i]));
    }
    __atomic_store_n(&domains[threads], known, __ATOMIC_RELEASE);
  }
  return CALL(add_domain, (void *, void *), options, known);
}
