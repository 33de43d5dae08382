import { GraphQLError } from 'graphql'
import { UploadedFile } from '../uploads.ts'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A moment in UTC as RFC 3339 text with milliseconds: "2026-01-31T12:00:00.000Z".',
  serialize: (date) => date.toISOString(),
  parseValue: (value) => {
    const date = typeof value === 'string' ? new Date(value) : new Date(Number.NaN)
    if (Number.isNaN(date.getTime()))
      throw new GraphQLError('A DateTime is text such as "2026-01-31T12:00:00.000Z".')
    return date
  },
})

const CURSOR_PREFIX = 'event:'

builder.scalarType('Cursor', {
  description:
    "A place in a run's log. Opaque: keep the cursor of the last event you got and pass it as `after`.",
  serialize: (seq) => Buffer.from(`${CURSOR_PREFIX}${seq}`).toString('base64url'),
  parseValue: (value) => {
    const text = typeof value === 'string' ? Buffer.from(value, 'base64url').toString('utf8') : ''
    const seq = Number(text.slice(CURSOR_PREFIX.length))
    const isCursor = text.startsWith(CURSOR_PREFIX) && Number.isSafeInteger(seq) && seq >= 0
    if (!isCursor) throw new GraphQLError('A Cursor is the `cursor` of an event of this API, unchanged.')
    return seq
  },
})

builder.scalarType('DataUrl', {
  description: 'A picture as a data: URL, ready for the src of an <img>.',
  serialize: ({ mediaType, bytes }) => `data:${mediaType};base64,${Buffer.from(bytes).toString('base64')}`,
  parseValue: () => {
    throw new GraphQLError('A DataUrl is never an input; send pictures as File or base64.')
  },
})

builder.scalarType('File', {
  description:
    'A file part of a multipart request (https://github.com/jaydenseric/graphql-multipart-request-spec). Send it as a variable.',
  serialize: () => {
    throw new GraphQLError('A File is never an output.')
  },
  parseValue: (value) => {
    if (value instanceof UploadedFile) return value
    throw new GraphQLError('A File must be sent as a part of a multipart request.')
  },
})
