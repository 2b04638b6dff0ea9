using System.Buffers.Binary;
using System.Buffers.Text;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>An authenticator in software (WebAuthn level 3): one passkey on P-256, which knows its owner.</summary>
internal sealed class Passkey : IDisposable
{
    private const byte UserPresentAndVerified = 0x05;
    private const byte HasCredential = 0x40;

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly byte[] _id = RandomNumberGenerator.GetBytes(32);
    private string _userHandle = "";

    public uint Counter { get; set; }

    /// <summary>What navigator.credentials.create returns.</summary>
    public object Create(JsonElement options, string origin)
    {
        _userHandle = options.GetProperty("user").GetProperty("id").GetString()!;
        var key = _key.ExportParameters(includePrivateParameters: false).Q;
        var cose = new CborWriter(CborConformanceMode.Ctap2Canonical);
        cose.WriteStartMap(5);
        foreach (var (label, value) in new (int, object)[] { (1, 2), (3, -7), (-1, 1), (-2, key.X!), (-3, key.Y!) })
        {
            cose.WriteInt32(label);
            if (value is byte[] bytes)
            {
                cose.WriteByteString(bytes);
            }
            else
            {
                cose.WriteInt32((int)value);
            }
        }

        cose.WriteEndMap();
        byte[] authenticatorData = [.. Data(options.GetProperty("rp").GetProperty("id").GetString()!, UserPresentAndVerified | HasCredential), .. new byte[16], 0, (byte)_id.Length, .. _id, .. cose.Encode()];
        var attestation = new CborWriter(CborConformanceMode.Ctap2Canonical);
        attestation.WriteStartMap(3);
        attestation.WriteTextString("fmt");
        attestation.WriteTextString("none");
        attestation.WriteTextString("attStmt");
        attestation.WriteStartMap(0);
        attestation.WriteEndMap();
        attestation.WriteTextString("authData");
        attestation.WriteByteString(authenticatorData);
        attestation.WriteEndMap();
        return Credential(new { clientDataJSON = Text(ClientData("webauthn.create", options, origin)), attestationObject = Text(attestation.Encode()), transports = new[] { "internal" } });
    }

    /// <summary>What navigator.credentials.get returns.</summary>
    public object Get(JsonElement options, string origin)
    {
        Counter++;
        var (clientData, data) = (ClientData("webauthn.get", options, origin), Data(options.GetProperty("rpId").GetString()!, UserPresentAndVerified));
        var signature = _key.SignData([.. data, .. SHA256.HashData(clientData)], HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return Credential(new { clientDataJSON = Text(clientData), authenticatorData = Text(data), signature = Text(signature), userHandle = _userHandle });
    }

    public void Dispose() => _key.Dispose();

    private object Credential(object response) => new { id = Text(_id), rawId = Text(_id), type = "public-key", response, clientExtensionResults = new { } };

    private byte[] Data(string domain, byte flags)
    {
        var counter = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(counter, Counter);
        return [.. SHA256.HashData(Encoding.UTF8.GetBytes(domain)), flags, .. counter];
    }

    private static byte[] ClientData(string type, JsonElement options, string origin) =>
        JsonSerializer.SerializeToUtf8Bytes(new { type, challenge = options.GetProperty("challenge").GetString(), origin, crossOrigin = false });

    private static string Text(byte[] bytes) => Base64Url.EncodeToString(bytes);
}
