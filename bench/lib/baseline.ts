/** Whether a PyTorch is one to compare with: what pytorch.py tells of itself, judged. */

/** What multiplies the matrices of a PyTorch, and how fast. */
export interface BlasCheck {
  version: string
  threads: number
  /** Whether its convolutions are oneDNN's. */
  oneDnn: boolean
  /** The file that holds its sgemm; null where that cannot be told. */
  library: string | null
  /** The processor that OpenBLAS takes this one for; null of another library. */
  core: string | null
  /** BLAS_INFO of its build: generic, open, mkl, ...; null where it says none. */
  builtFor: string | null
  /** GFLOP/s of a matrix product. */
  product: number
  /** GFLOP/s of a 3x3 convolution by oneDNN on the same threads. */
  convolution: number
}

const OPTIMISED = /openblas|mkl|blis|accelerate/i
/** What BLAS_INFO calls them. */
const OPTIMISED_BUILDS = ['open', 'mkl', 'flame', 'accelerate']

/**
 * Of oneDNN's rate. Seen on two cores of a Zen 5 with much else to do: OpenBLAS 1.0 to 1.8, with the kernels of a
 * Pentium 4 0.7; the reference BLAS, on one thread and without blocks, 0.08 to 0.11.
 */
const LEAST_OF_CONVOLUTION = 0.5

const REMEDY = 'apt install libopenblas0-pthread'

/**
 * Why no ratio to it may be printed, in a line; null where it is a baseline.
 * @param threads  that it was told to use
 */
export function refusalOf(check: BlasCheck, threads: number): string | null {
  const { library, builtFor, product, convolution } = check
  const blas = library ?? `the BLAS of its build (${builtFor ?? 'unknown'})`
  if (!check.oneDnn) return 'it is built without oneDNN, so its convolutions are no baseline'
  if (check.threads !== threads) return `it uses ${check.threads} threads instead of ${threads}`
  if (!isOptimised(check)) return `it computes dense layers with ${blas}, which is not optimised: ${REMEDY}`
  // Not the other way round: false for NaN, too.
  if (!(product >= LEAST_OF_CONVOLUTION * convolution)) {
    return `its matrix product is slow (${rates(check)}), though it is that of ${blas}: ${REMEDY}`
  }
  return null
}

/** PyTorch links MKL into its own library: then only its build says whose product it is. */
function isOptimised({ library, builtFor }: BlasCheck): boolean {
  if (library !== null && !/libtorch/.test(library)) return OPTIMISED.test(library)
  return OPTIMISED_BUILDS.includes(builtFor ?? '')
}

export function describeBaseline(check: BlasCheck): string {
  const { version, threads, library, core, builtFor } = check
  const kernels = core === null ? '' : ` (kernels for ${core})`
  const blas = library?.split('/').slice(-2).join('/') ?? builtFor
  return `PyTorch ${version}, ${threads} threads, BLAS ${blas}${kernels}: ${rates(check)}`
}

function rates({ product, convolution }: BlasCheck): string {
  return `matrix product ${product.toFixed(0)} GFLOP/s, oneDNN's convolution ${convolution.toFixed(0)}`
}

/** The environment without what slows PyTorch's libraries down or takes the processor for another. */
export function baselineEnvironment(environment: NodeJS.ProcessEnv, threads: number): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !/^(OPENBLAS|GOTO|OMP|GOMP|KMP|MKL|BLIS|DNNL|ONEDNN|ATEN)_/.test(name),
  )
  return { ...Object.fromEntries(kept), OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}` }
}
