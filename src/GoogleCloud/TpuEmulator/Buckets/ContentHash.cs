using System.Security.Cryptography;
using Workflows.GoogleCloud.Connections;

namespace Workflows.GoogleCloud.TpuEmulator.Buckets;

/// <summary>
/// Hashes a content while it arrives. The MD5 of a content above 64 MiB is computed only when a client wants to see it:
/// it takes longer than everything else that is done with the bytes, and few clients look.
/// </summary>
internal sealed class ContentHash
{
    private const long MostMd5Bytes = 64 << 20;

    // Cloud Storage's own hash, which clients compare; it is not used for security.
#pragma warning disable CA5351
    private readonly IncrementalHash _md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
#pragma warning restore CA5351
    private Crc32C _crc;

    /// <summary>Gets the bytes so far.</summary>
    public long Length { get; private set; }

    /// <summary>Hashes a file.</summary>
    public static ContentHash Of(string path)
    {
        var hash = new ContentHash();
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read);
        var buffer = new byte[256 << 10];
        int count;
        while ((count = stream.Read(buffer)) > 0)
        {
            hash.Append(buffer.AsSpan(0, count));
        }

        return hash;
    }

    /// <summary>Computes an MD5.</summary>
    /// <returns>It in base 64.</returns>
    public static string Md5Of(Stream content)
    {
#pragma warning disable CA5351
        return Convert.ToBase64String(MD5.HashData(content));
#pragma warning restore CA5351
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        _crc.Append(bytes);
        Length += bytes.Length;
        if (Length <= MostMd5Bytes)
        {
            _md5.AppendData(bytes);
        }
    }

    /// <summary>Ends hashing.</summary>
    /// <returns>Both hashes in base 64, null for no MD5, and the name of the file that is to hold the
    /// content.</returns>
    public (string Crc32C, string? Md5, string Blob) End()
    {
        var md5 = _md5.GetHashAndReset();
        _md5.Dispose();
        return Length <= MostMd5Bytes
            ? ($"{_crc}", Convert.ToBase64String(md5), $"{Convert.ToHexStringLower(md5)}-{_crc.Value:x8}-{Length}")
            : ($"{_crc}", null, $"{Guid.NewGuid():n}-{_crc.Value:x8}-{Length}");
    }
}
