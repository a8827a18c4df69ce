namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>Protocol Buffers' variable-length integers: seven bits a byte, the lowest first.</summary>
internal static class Varint
{
    /// <summary>Writes a number; returns the bytes that it took, 5 at most.</summary>
    public static int Write(Span<byte> target, uint value)
    {
        int written = 0;
        while (value >= 0x80)
        {
            target[written++] = (byte)(value | 0x80);
            value >>= 7;
        }

        target[written++] = (byte)value;
        return written;
    }

    /// <summary>Returns the bytes that a number takes.</summary>
    public static int Size(uint value) =>
        value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : value < 1 << 28 ? 4 : 5;
}
