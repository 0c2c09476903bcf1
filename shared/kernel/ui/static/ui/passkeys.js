// Passkeys: asks the browser for one and sends its answer with the form. What is asked for stands in data-options.

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (keys) => keys?.map((key) => ({ ...key, id: toBytes(key.id) }));

function make(options) {
  return navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials) || [],
    },
  });
}

function show(options) {
  return navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: listed(options.allowCredentials) || [],
    },
  });
}

function answer(credential) {
  const response = { clientDataJSON: toText(credential.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = toText(credential.response[part]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: {},
  });
}

function say(form, text) {
  const place = form.querySelector("[data-passkey-said]");
  place.textContent = text;
  place.hidden = !text;
}

async function ask(form) {
  const options = JSON.parse(form.dataset.options);
  say(form, "");
  try {
    const credential = await (form.dataset.passkey === "make" ? make(options) : show(options));
    form.querySelector("[name=credential]").value = answer(credential);
  } catch {
    // The person stopped it, or it took too long; the browser has said more than we could.
    say(form, form.dataset.tStopped);
    return;
  }
  delete form.dataset.sent;
  form.requestSubmit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    say(form, form.dataset.tNone);
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    continue;
  }
  form.querySelector("[data-passkey-go]")?.addEventListener("click", () => ask(form));
  form.addEventListener("submit", (event) => {
    if (form.querySelector("[name=credential]").value) return;
    event.preventDefault();
    // The form was not sent after all; the page's own script has just marked it so.
    setTimeout(() => {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
    });
    if (form.reportValidity()) ask(form);
  });
}

// An answer fits one question: one that comes back with the page is worth nothing.
function forget() {
  for (const field of document.querySelectorAll("form[data-passkey] [name=credential]")) field.value = "";
}
forget();
window.addEventListener("pageshow", forget);
