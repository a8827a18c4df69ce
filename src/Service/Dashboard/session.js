import { get } from './api.js';

// The caller. Until the service has told its role it counts as a reader's: the service itself refuses the rest.
export const session = { name: '', role: 'reader', expiresAt: null };

const ranks = ['reader', 'runner', 'admin'];

export const may = (role) => ranks.indexOf(session.role) >= ranks.indexOf(role);

export const learn = async () => Object.assign(session, await get('/session'));
