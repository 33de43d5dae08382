import { useSignalEffect } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { client, reconnections } from '../live/api.ts'
import { VERSION_IDS } from './documents.ts'

type Found = { id: string | null } | { error: Error }

/** The id of a version by the name of its model and its number: `id` is null when there is none. Null until it is known. */
export function useVersionId(name: string, version: number): Found | null {
  const [found, setFound] = useState<Found | null>(null)
  const look = useRef(() => {})
  useEffect(() => {
    const leaving = new AbortController()
    look.current = () => {
      find(name, version, leaving.signal).then(
        (id) => setFound({ id }),
        (error: Error) => {
          if (!leaving.signal.aborted) setFound({ error })
        },
      )
    }
    look.current()
    return () => leaving.abort()
  }, [name, version])
  const seen = useRef(reconnections.peek())
  useSignalEffect(() => {
    if (reconnections.value === seen.current) return
    seen.current = reconnections.value
    look.current()
  })
  return found
}

async function find(
  name: string,
  version: number,
  signal: AbortSignal,
  after: string | null = null,
): Promise<string | null> {
  const { model } = await client.query(VERSION_IDS, { name, after }, { signal })
  if (model === null) return null
  const { edges, pageInfo } = model.versions
  const found = edges.find(({ node }) => node.version === version)
  if (found !== undefined) return found.node.id
  return pageInfo.hasNextPage ? find(name, version, signal, pageInfo.endCursor) : null
}
