// Tests every kernel of every instruction set that this processor has against reference.cc: scripts/test-sanitize.ts.
//   kernels_test [few]
#include <cstdio>
#include <cstring>

#include "check.h"

// Where memory is asked for that does not exist, sanitizers must answer as the system does.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

int main(int count, char** arguments) {
  few = count > 1 && std::strcmp(arguments[1], "few") == 0;
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
