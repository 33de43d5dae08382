import { useEffect, useRef, useState } from 'preact/hooks'
import type { Source } from './documents.ts'

/** A picture that is shown to models. */
export interface Picture {
  key: string
  name: string
  source: Source
  /** Where the page finds it. */
  url: string
  /** Its true class, where that is known. */
  truth?: string
}

/** More would fill the page and the memory of a phone: the oldest go. */
const MOST = 60

/** The pictures that a person gave the page, the newest first. They stay with the page. */
export function useUploads() {
  const [uploads, setUploads] = useState<readonly Picture[]>([])
  const count = useRef(0)
  const current = useRef(uploads)
  current.current = uploads
  useEffect(() => () => forget(current.current), [])
  return {
    uploads,
    add(files: readonly File[]) {
      const added = files.map((file) => ({
        key: `upload ${count.current++}`,
        name: file.name,
        source: { upload: file },
        url: URL.createObjectURL(file),
      }))
      const all = [...added, ...uploads]
      forget(all.slice(MOST))
      setUploads(all.slice(0, MOST))
    },
    remove(key: string) {
      forget(uploads.filter((picture) => picture.key === key))
      setUploads(uploads.filter((picture) => picture.key !== key))
    },
  }
}

function forget(pictures: readonly Picture[]): void {
  for (const { url } of pictures) URL.revokeObjectURL(url)
}
