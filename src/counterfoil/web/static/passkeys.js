// Passkeys: asks the browser for one where a form says so, and sends its answer with that form.
"use strict";

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// The options come as JSON, in which what is binary is base64url: https://www.w3.org/TR/webauthn-3/#sctn-parseCreationOptionsFromJSON
const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
const creation = (told) => ({
  ...told,
  challenge: bytes(told.challenge),
  user: { ...told.user, id: bytes(told.user.id) },
  excludeCredentials: named(told.excludeCredentials),
});
const request = (told) => ({
  ...told,
  challenge: bytes(told.challenge),
  allowCredentials: named(told.allowCredentials),
});

const answer = (credential) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
};

const ask = async (form) => {
  const reply = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (reply.status === 401) return location.assign("/sign-in");
  const told = await reply.json();
  if (!reply.ok) throw new Error(`${told.message} ${told.remedy}`);
  const credential =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: creation(told) })
      : await navigator.credentials.get({ publicKey: request(told) });
  form.elements.answer.value = answer(credential);
  form.submit();
};

const words = {
  NotAllowedError: "Nothing was done: the browser's question was closed, or took too long.",
  InvalidStateError: "This device has a passkey for your account already.",
  SecurityError: "The browser makes no passkeys for this address: it needs https and a name.",
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector("[data-said]");
  if (!window.PublicKeyCredential) {
    said.textContent = "This browser knows no passkeys at this address.";
    continue;
  }
  form.querySelector("button").disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      await ask(form);
    } catch (error) {
      said.textContent = words[error.name] || error.message;
    }
  });
}
