#include "kernels.h"

const Kernels* avx512Kernels();
const Kernels* avx2Kernels();
const Kernels* baselineKernels();

InstructionSets instructionSets() {
  InstructionSets sets{};
  int count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw")) {
    sets.at[count++] = avx512Kernels();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets.at[count++] = avx2Kernels();
#endif
  sets.at[count] = baselineKernels();
  return sets;
}
