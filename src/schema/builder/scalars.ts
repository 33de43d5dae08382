import { GraphQLError } from 'graphql'
import { UploadedFile } from '../../uploads.ts'
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

/** An opaque place: the prefix keeps a cursor of one kind from being taken for one of the other. */
function cursorScalar(
  name: 'Cursor' | 'LogCursor',
  prefix: string,
  description: string,
  whose: string,
): void {
  builder.scalarType(name, {
    description,
    serialize: (place) => Buffer.from(`${prefix}${place}`).toString('base64url'),
    parseValue: (value) => {
      const text = typeof value === 'string' ? Buffer.from(value, 'base64url').toString('utf8') : ''
      const place = Number(text.slice(prefix.length))
      const isCursor = text.startsWith(prefix) && Number.isSafeInteger(place) && place >= 0
      if (!isCursor) throw new GraphQLError(`A ${name} is the \`cursor\` of ${whose} of this API, unchanged.`)
      return place
    },
  })
}

cursorScalar(
  'Cursor',
  'event:',
  "A place in a run's journal. Opaque: keep the cursor of the last event you got and pass it as `after`.",
  'an event',
)
cursorScalar(
  'LogCursor',
  'line:',
  'A place in what a run printed. Opaque: keep the cursor of the last line you got and pass it as `after`.',
  'a line',
)

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
