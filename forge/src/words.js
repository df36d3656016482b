// What is said when an answer does not come, or says no: what happened, what is safe, what to do.

const LOADING = {
  "-1": "No answer came from the connector in time.",
  0: "No answer came from the connector.",
  401: "Jira’s pass for this panel has ended or was refused.",
  403: "This is not open to you.",
  404: "There is nothing here under this address.",
  429: "Too much was asked at once. Wait a minute.",
  500: "Something went wrong in the connector. Its log has the details.",
  502: "The source does not answer now.",
  503: "The connector is not ready now. Nothing is lost.",
  504: "The source took too long to answer.",
};
const PASS = "Save again; if this stays, sign in to Jira in another tab first.";
const TRY_NO_MORE = [403, 404]; // asking again would say the same

export function whatHappened({ status, body }) {
  const known = LOADING[status] ?? (status >= 500 ? LOADING[500] : "This could not be shown.");
  return status === 401 ? known : sentence(body.detail) || known;
}

function sentence(text = "") {
  const whole = text.trim();
  return whole && whole[0].toUpperCase() + whole.slice(1) + (/[.!?…]$/.test(whole) ? "" : ".");
}

export function mayTryAgain(status) {
  return !TRY_NO_MORE.includes(status);
}

// `what` names the thing: "The check-in". Nothing typed is lost. Where no answer came, or none that the connector meant, it may have been
// saved all the same; `once` says what saving again does then.
export function notSaved({ status, body }, what, once = "Save again: it is filed once.") {
  const safe = "Your entries are still here.";
  if (status <= 0 || status >= 500) return `It is not certain that ${lower(what)} was saved. ${safe} ${once}`;
  if (status === 401) return `${what} was not saved: Jira’s pass for this panel has ended. ${safe} ${PASS}`;
  return [`${what} was not saved.`, sentence(body.detail), `${safe} Save again.`].filter(Boolean).join(" ");
}

function lower(what) {
  return what[0].toLowerCase() + what.slice(1);
}
