import type { DatasetFacts, Split } from '../../data/dataset-facts.ts'
import type { Issue } from './hyperparameters.ts'

/** A picture whose class probabilities are watched while a run learns. */
export interface PinnedPicture {
  split: Split
  /** Its place in the split, from 0. */
  index: number
}

/** What the network said of a pinned picture after an epoch. */
export interface PinnedResult extends PinnedPicture {
  /** The index of its true class. */
  label: number
  /** By class; null when what the network said is not finite. */
  probabilities: number[] | null
}

/** The pinned pictures of a run after an epoch, in the order in which they were pinned. */
export interface PinnedEpoch {
  epoch: number
  attempt: number
  /** For each picture its probabilities by class, or null. */
  probabilities: (number[] | null)[]
}

export const MAX_PINNED = 8

/** @param facts  those of the run's data set; undefined when there is no such data set, which is an issue of its own */
export function pinnedIssues(pinned: readonly PinnedPicture[], facts: DatasetFacts | undefined): Issue[] {
  if (pinned.length > MAX_PINNED) {
    return [{ path: ['pinned'], message: `At most ${MAX_PINNED} pictures, not ${pinned.length}.` }]
  }
  if (facts === undefined) return []
  return pinned.flatMap(({ split, index }, i): Issue[] => {
    const count = facts.count[split]
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      return [
        {
          path: ['pinned', String(i), 'index'],
          message: `The ${split} images are numbered from 0 to ${count - 1}; there is no ${index}.`,
        },
      ]
    }
    const first = pinned.findIndex((other) => other.split === split && other.index === index)
    return first === i
      ? []
      : [{ path: ['pinned', String(i)], message: `The same picture as pinned[${first}].` }]
  })
}
