import type { DatasetFacts } from '../data/dataset-facts.ts'
import type { Architecture } from './architecture.ts'

/** The same network for another input size and number of classes. */
export function fitArchitecture(
  architecture: Architecture,
  inputShape: Architecture['inputShape'],
  classes: number,
): Architecture {
  return { ...architecture, inputShape, classes }
}

/** What a network has to know of a data set. */
export type FittedTo = Pick<DatasetFacts, 'imageShape' | 'classes'>

/** As it trains on a data set: how a paper network, made for 224x224 and 1000 classes, learns small pictures. */
export function fitToDataset(architecture: Architecture, { imageShape, classes }: FittedTo): Architecture {
  return fitArchitecture(architecture, imageShape, classes.length)
}
