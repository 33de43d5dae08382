import { type DocumentNode, visit } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** Characters of all documents that are kept: hundreds of the usual length. Parsed, each may take 120 bytes. */
const MOST_CHARACTERS = 256 * 1024
/** Of one of them; no client of ours has a longer one. */
const LONGEST = 16 * 1024

export interface DocumentCache {
  get(text: string): DocumentNode | undefined
  set(text: string, document: DocumentNode): void
  forget(text: string): void
}

/** Parsed documents by their text. Yoga's own counts documents, however long: 1,024 of those of 28 MB end the process. */
export function createDocumentCache(): DocumentCache {
  // In the order of their last use.
  const kept = new Map<string, DocumentNode>()
  let characters = 0
  const forget = (text: string) => {
    if (kept.delete(text)) characters -= text.length
  }
  return {
    forget,
    get(text) {
      const document = text.length > LONGEST ? undefined : kept.get(text)
      if (document === undefined) return
      kept.delete(text)
      kept.set(text, document)
      return document
    },
    set(text, document) {
      if (text.length > LONGEST) return
      forget(text)
      forgetTokens(document)
      kept.set(text, document)
      characters += text.length
      for (const oldest of kept.keys()) {
        if (characters <= MOST_CHARACTERS) return
        forget(oldest)
      }
    },
  }
}

/** Once a document is parsed its tokens, which are a third of it, serve nobody: errors tell places by numbers. */
function forgetTokens(document: DocumentNode): void {
  visit(document, {
    enter({ loc }) {
      if (loc !== undefined) Object.assign(loc, { startToken: undefined, endToken: undefined })
    },
  })
}

/** Whatever is no document is read again each time: nobody who means well asks twice. */
export const NOTHING_KEPT = { get: () => undefined, set() {} }

/** What is not valid is kept by no cache: until somebody reads their stacks, its errors hold the request that it came with. */
export function onlyValidPlugin(cache: Pick<DocumentCache, 'forget'>): Plugin {
  return {
    onValidate({ params: { documentAST } }) {
      return ({ valid }) => {
        if (!valid) cache.forget((documentAST as DocumentNode).loc!.source.body)
      }
    },
  }
}
