using System.Buffers.Binary;
using System.Numerics;

namespace Workflows.GoogleCloud.Connections;

/// <summary>CRC-32C (Castagnoli, RFC 3720), which Cloud Storage keeps of every object.</summary>
public struct Crc32C
{
    private uint _inverted;

    /// <summary>Gets the checksum of all bytes so far.</summary>
    public readonly uint Value => _inverted;

    /// <summary>Adds bytes to the checksum.</summary>
    /// <param name="bytes">The bytes.</param>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        var crc = ~_inverted;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        _inverted = ~crc;
    }

    /// <summary>Formats the checksum as Cloud Storage does: four bytes, the highest first, in base 64.</summary>
    /// <returns>Eight characters.</returns>
    public readonly override string ToString()
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Value);
        return Convert.ToBase64String(bytes);
    }

    /// <summary>Parses the form of Cloud Storage: four bytes, the highest first, in base 64.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The checksum; null if the text is not one.</returns>
    public static uint? Parse(string? text)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        return text is not null && Convert.TryFromBase64String(text, bytes, out var count) && count == sizeof(uint)
            ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : null;
    }
}
