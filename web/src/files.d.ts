// SPDX-License-Identifier: Apache-2.0
// What the bundler makes of files that are no code.
declare module '*.css';
declare module '*.svg' {
  const address: string;
  export default address;
}
