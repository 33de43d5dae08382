// Tests every kernel of every instruction set that this processor has against reference.cc: scripts/test-sanitize.ts.
//   kernels_test [few] [races]
#include <cstdio>
#include <cstring>

#include "check.h"

// Where memory is asked for that does not exist, sanitizers must answer as the system does.
#define VISIBLE __attribute__((visibility("default")))
extern "C" VISIBLE const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" VISIBLE const char* __tsan_default_options() { return "allocator_may_return_null=1:halt_on_error=1"; }

int main(int count, char** arguments) {
  for (int i = 1; i < count; ++i) {
    few = few || std::strcmp(arguments[i], "few") == 0;
    races = races || std::strcmp(arguments[i], "races") == 0;
  }
  // A line must not be lost when a sanitizer ends the process.
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 12);
  testConvolutions();
  testWinograd();
  testDense();
  testLoops();
  testReductions();
  testNormalization();
  testPools();
  testTraining();
  testTeam();
  return report() ? 0 : 1;
}
