// SPDX-License-Identifier: Apache-2.0
// Light or dark: as the system has it, unless this browser was told otherwise.
import { kept } from './store';

export type Theme = 'auto' | 'light' | 'dark';

export const theme = kept('theme', 'auto');

const apply = (): void => {
  document.documentElement.dataset['theme'] = theme.get();
};
theme.listen(apply);
apply();
