import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const WEB = join(import.meta.dirname, '../../../web')

/** The classes that selectors of a style sheet begin with: what it says of them holds wherever they are. */
function classesOf(file: string): Set<string> {
  const text = readFileSync(join(WEB, file), 'utf8').replace(/\/\*.*?\*\//gs, '')
  const selectors = [...text.matchAll(/([^{};]+)\{/g)].flatMap(([, list]) => list!.split(','))
  return new Set(selectors.flatMap((selector) => /^\s*\.([\w-]+)/.exec(selector)?.[1] ?? []))
}

test('no class is styled by the sheets of two pages, which stay when one goes from page to page', () => {
  const files = readdirSync(WEB, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.css'),
  )
  expect(files.length).toBeGreaterThan(5)
  const placesOf = new Map<string, string[]>()
  for (const file of files) {
    for (const name of classesOf(file)) placesOf.set(name, [...(placesOf.get(name) ?? []), file])
  }
  expect([...placesOf].filter(([, places]) => places.length > 1)).toEqual([])
})
