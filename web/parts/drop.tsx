import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import './drop.css'

interface Props {
  /** What to do here, in a few words: the name of the control. */
  label: string
  children?: ComponentChildren
  multiple?: boolean
  /** What the dialogue of the system offers first; anything can be dropped. */
  accept?: string
  /** Folders are dropped, never chosen: with a control of their own. */
  onFiles: (files: readonly File[], folders: readonly FileSystemDirectoryEntry[]) => void
}

/** Takes files: chosen in a dialogue, dropped anywhere on the page, or pasted. */
export function Drop({ label, children, multiple = false, accept, onFiles }: Props) {
  const [isOver, setOver] = useState(false)
  const take = useRef(onFiles)
  take.current = onFiles
  useEffect(() => {
    const give = (event: Event, data: DataTransfer | null) => {
      if (data === null || data.files.length === 0) return
      event.preventDefault()
      const { files, folders } = sortedOut(data)
      take.current(files, folders)
    }
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      // Without it the browser leaves the page for the file.
      event.preventDefault()
      setOver(true)
    }
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false)
    }
    const drop = (event: DragEvent) => {
      setOver(false)
      give(event, event.dataTransfer)
    }
    const paste = (event: ClipboardEvent) => give(event, event.clipboardData)
    document.addEventListener('dragover', over)
    document.addEventListener('dragleave', leave)
    document.addEventListener('drop', drop)
    document.addEventListener('paste', paste)
    return () => {
      document.removeEventListener('dragover', over)
      document.removeEventListener('dragleave', leave)
      document.removeEventListener('drop', drop)
      document.removeEventListener('paste', paste)
    }
  }, [])
  return (
    <label class={`drop ${isOver ? 'over' : ''}`}>
      <b>{label}</b>
      {children}
      <input
        class="spoken"
        type="file"
        multiple={multiple}
        accept={accept}
        onChange={(event) => {
          const { files } = event.currentTarget
          if (files !== null && files.length > 0) onFiles([...files], [])
          // The same file may be chosen again.
          event.currentTarget.value = ''
        }}
      />
    </label>
  )
}

/** A folder looks like a file without contents, and is asked for as what it is while the event lasts. */
function sortedOut({ items }: DataTransfer): { files: File[]; folders: FileSystemDirectoryEntry[] } {
  const files: File[] = []
  const folders: FileSystemDirectoryEntry[] = []
  for (const item of items) {
    const entry = item.webkitGetAsEntry()
    if (entry?.isDirectory) folders.push(entry as FileSystemDirectoryEntry)
    else {
      const file = item.getAsFile()
      if (file !== null) files.push(file)
    }
  }
  return { files, folders }
}
