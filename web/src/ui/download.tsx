// SPDX-License-Identifier: Apache-2.0
// A link to bytes. Browsers say nothing, or something wrong, of a download that the server refuses: it is asked first.
import type { ComponentChildren, JSX } from 'preact';
import { mayDownload, type Path } from '../api';
import { sayFailure } from './toast';

interface DownloadProps {
  from: Path;
  name?: string; // otherwise the one that the server gives it
  primary?: boolean;
  children: ComponentChildren;
}

function take(from: Path, name: string): void {
  const link = document.createElement('a');
  link.href = from;
  link.download = name;
  link.click();
}

export function Download({ from, name = '', primary, children }: DownloadProps): JSX.Element {
  const ask = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    mayDownload(from).then(
      () => take(from, name),
      sayFailure,
    );
  };
  return (
    <a class={`button${primary ? ' primary' : ''}`} href={from} download={name} onClick={ask}>
      {children}
    </a>
  );
}
