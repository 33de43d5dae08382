/** Makes of a pixel value v in [0, 1] the network's input (v - mean) / std, for red, green and blue. */
export interface Normalization {
  mean: [number, number, number]
  std: [number, number, number]
}

export const NO_NORMALIZATION: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] }
