import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases'
import { maxTokensPlugin } from '@escape.tech/graphql-armor-max-tokens'
import type { Plugin } from 'graphql-yoga'
import { MAX_BATCH_PICTURES, MAX_IMAGE_BYTES } from '../../pictures/limits.ts'
import { tooComplex } from '../../schema/builder/input-error.ts'

/** Bytes of one HTTP request: the largest picture in base64, which is a third longer, and its query. */
export const MAX_BODY_BYTES = Math.ceil((MAX_IMAGE_BYTES * 4) / 3) + 64 * 1024

/**
 * Files of one request: a LayersModel of VGG-19 in pieces of 4 MiB, as TF.js' converter writes them, has 138, and a batch of
 * pictures as many as it may have.
 */
export const MAX_FILES = MAX_BATCH_PICTURES

/** Bytes of the part "map" of a request with files. Its "operations" may have as many as a request without files. */
export const MAX_MAP_BYTES = 1024 * 1024

/** Bytes of a request with files beside these: the two parts above, and generously the headers of each file. */
export const MAX_FRAMING_BYTES = MAX_BODY_BYTES + MAX_MAP_BYTES + MAX_FILES * 16 * 1024

/** Bytes of one WebSocket message: a query and its variables; pictures go over HTTP. */
export const MAX_WS_MESSAGE_BYTES = 256 * 1024

/** Subscriptions and other operations that one WebSocket may have open. */
export const MAX_WS_OPERATIONS = 100

/** GraphiQL's introspection has about 350 tokens; the largest query of the README about 100. */
export const MAX_TOKENS = 2000
const MAX_ALIASES = 30

/** What is refused before anything is executed. Depth, breadth and cost are counted in schema/builder.ts. */
export function limitPlugins() {
  return [
    maxTokensPlugin({ n: MAX_TOKENS, onReject: [refuse(`is longer than ${MAX_TOKENS} tokens`)] }),
    // No alias is free: each is a value in the answer, whatever it names.
    nestingPlugin(),
    maxAliasesPlugin({
      n: MAX_ALIASES,
      allowList: [],
      onReject: [refuse(`has more than ${MAX_ALIASES} aliases`)],
    }),
  ]
}

/** The parser goes as deep as a document is nested: it may come to the end of the stack before it has counted its tokens. */
function nestingPlugin(): Plugin {
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((source, options) => {
        try {
          return parseFn(source, options)
        } catch (error) {
          if (error instanceof RangeError) throw tooComplex('is nested too deeply')
          throw error
        }
      })
    },
  }
}

/** In place of the plugins' own errors, which have no code and call themselves errors of syntax. */
function refuse(what: string): () => never {
  return () => {
    throw tooComplex(what)
  }
}
