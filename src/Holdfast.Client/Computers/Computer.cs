using System.Security.Cryptography;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Computers;

/// <summary>This computer as it was enrolled: whom it serves, what it may, and what it pins. It holds no key that opens a backup.</summary>
public sealed record Computer(
    string ServiceUrl, AccountId Account, string AccountName, uint Number, string Name, string Token, byte[] RootKey, GroupKeys Group, ECDsa SigningKey);
