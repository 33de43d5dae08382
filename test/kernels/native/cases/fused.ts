import type { FusedCases } from './fused-case.ts'
import { FUSED_CONVOLUTION_CASES } from './fused-convolution.ts'
import { FUSED_DENSE_CASES } from './fused-dense.ts'
import { FUSED_NORMALIZATION_CASES } from './fused-normalization.ts'

export const FUSED_CASES: FusedCases = {
  ...FUSED_CONVOLUTION_CASES,
  ...FUSED_DENSE_CASES,
  ...FUSED_NORMALIZATION_CASES,
}
