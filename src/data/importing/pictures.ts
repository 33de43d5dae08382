import type { Layout } from './layouts/layout.ts'
import { readPicture } from './layouts/layout.ts'
import { fileAt } from './origin/folder.ts'
import type { ImportOrigin } from './protocol.ts'

type Sent = Extract<ImportOrigin, { kind: 'pictures' }>

/** Pictures that were sent one by one. */
export function picturesLayout({ pictures }: Sent): Layout {
  // Whatever order they came in.
  const sorted = [...pictures].sort((one, other) =>
    one.name < other.name ? -1 : one.name > other.name ? 1 : 0,
  )
  return {
    words: 'pictures sent one by one',
    classes: null,
    named: [],
    total: pictures.length,
    isOrdered: false,
    *candidates() {
      for (const { name, path, label, split } of sorted) {
        yield { path: name, label, split, picture: async () => readPicture(await fileAt(path, name)) }
      }
    },
  }
}
