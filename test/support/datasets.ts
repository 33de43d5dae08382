import type { DatasetStore } from '../../src/data/dataset.ts'
import type { DatasetFacts } from '../../src/data/dataset-facts.ts'
import type { Datasets } from '../../src/data/datasets.ts'
import { NotFoundError } from '../../src/errors.ts'

/** Data sets of which nothing is known but their facts. */
export function knownByFacts(
  ...facts: DatasetFacts[]
): Pick<Datasets, 'get' | 'require' | 'whyNot' | 'using'> {
  const find = (name: string) => facts.find((each) => each.name === name)
  const get = (name: string) => {
    const found = find(name)
    return found && ({ facts: found } as DatasetStore)
  }
  const whyNot = (name: string) => `There is no data set "${name}".`
  return {
    get,
    require(name) {
      const store = get(name)
      if (store === undefined) throw new NotFoundError(whyNot(name))
      return store
    },
    whyNot,
    using: (_name, task) => task(),
  }
}
