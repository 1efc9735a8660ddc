import Testing

@Suite("Passwords")
struct PasswordHashTests {}
