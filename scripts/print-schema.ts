/** Prints the schema that the code defines to schema.graphql; `--check` fails when the file says something else. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from '../src/schema/index.ts'

const file = resolve(import.meta.dirname, '../schema.graphql')
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== printed) {
    console.error('schema.graphql is not what the code defines. Run `npm run schema` and commit the result.')
    process.exit(1)
  }
} else {
  writeFileSync(file, printed)
}
