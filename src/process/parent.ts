/** The child's side of the channel to the process that started it. */
export interface Parent<ToParent> {
  /** Resolves when the message is handed to the kernel, so that a process may exit after it. */
  send(message: ToParent): Promise<void>
}

/** Connects a child process to its parent; throws when this process was not started by one. */
export function connectToParent<FromParent, ToParent>(
  onMessage: (message: FromParent) => void,
): Parent<ToParent> {
  if (process.send === undefined)
    throw new Error('This file is a child process of the server; start that with npm start.')
  process.on('message', (message) => onMessage(message as FromParent))
  return {
    send: (message) =>
      new Promise((resolve) => {
        // A parent that is gone ends this process by the lifeline; nobody is left to tell.
        process.send?.(message, undefined, {}, () => resolve())
      }),
  }
}
