using System.Security.Cryptography;
using System.Text;

namespace Microsoft.DurableTask.Worker.Replay;

/// <summary>Version 5 GUIDs (RFC 9562, section 5.5), as all Durable Task workers make them.</summary>
internal static class NameBasedGuid
{
    private static readonly byte[] Namespace =
        Guid.ParseExact("9e952958-5e33-4daf-827f-2fa12937b875", "D").ToByteArray(bigEndian: true);

    public static Guid Create(string name)
    {
        byte[] data = [.. Namespace, .. Encoding.UTF8.GetBytes(name)];
#pragma warning disable CA5350 // The algorithm is part of the format, not a protection.
        Span<byte> hash = SHA1.HashData(data).AsSpan(0, 16);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash, bigEndian: true);
    }
}
