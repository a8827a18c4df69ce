using Google.Protobuf;
using Microsoft.DurableTask.Protobuf;

namespace Workflows.DurableTask.Sidecar.Engine;

/// <summary>
/// Encodes a history once, as the field <c>pastEvents</c> of an <see cref="OrchestratorRequest"/>. An orchestration of
/// n steps is sent its history n times; each time only the events since the last one are encoded.
/// </summary>
internal sealed class EncodedHistory
{
    /// <summary>Field 3, length-delimited.</summary>
    private const byte Tag = 3 << 3 | 2;

    private const int LongestLength = 5;

    private byte[] _bytes = [];
    private int _length;
    private int _count;

    /// <summary>Encodes a history that begins with the events of the last call.</summary>
    /// <param name="history">The whole history.</param>
    /// <returns>The encoded field. Later calls do not change it.</returns>
    public ReadOnlyMemory<byte> Of(List<HistoryEvent> history)
    {
        for (; _count < history.Count; _count++)
        {
            Append(history[_count]);
        }

        return _bytes.AsMemory(0, _length);
    }

    private void Append(HistoryEvent item)
    {
        int size = item.CalculateSize();
        int needed = _length + 1 + LongestLength + size;
        if (_bytes.Length < needed)
        {
            // Always a new array: earlier answers that use the old one may still be on their way.
            byte[] larger = new byte[Math.Max(needed, _bytes.Length * 2)];
            _bytes.AsSpan(0, _length).CopyTo(larger);
            _bytes = larger;
        }

        _bytes[_length++] = Tag;
        _length += Varint.Write(_bytes.AsSpan(_length), (uint)size);
        item.WriteTo(_bytes.AsSpan(_length, size));
        _length += size;
    }
}
