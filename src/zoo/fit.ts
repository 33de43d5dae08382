import type { Architecture } from './architecture.ts'

/** The same network for another input size and number of classes: how a paper network trains on CIFAR-10. */
export function fitArchitecture(
  architecture: Architecture,
  inputShape: Architecture['inputShape'],
  classes: number,
): Architecture {
  return { ...architecture, inputShape, classes }
}
