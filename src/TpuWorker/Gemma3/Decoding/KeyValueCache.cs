using System.Buffers;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Decoding;

/// <summary>Copies between caches [B, K, P, D], in which slot p of a row has the key or value of its position
/// p.</summary>
internal static class KeyValueCache
{
    /// <summary>Copies the first slots of every row, as many as both have.</summary>
    public static void CopyFront(HostTensor from, HostTensor to)
    {
        for (var row = 0; row < Math.Min(from.Shape[0], to.Shape[0]); row++)
        {
            CopyRow(from, row, to, row);
        }
    }

    /// <summary>Copies the first slots of one row to a row of another cache.</summary>
    public static void CopyRow(HostTensor from, int fromRow, HostTensor to, int toRow)
    {
        var (heads, width) = (from.Shape[1], from.Shape[3]);
        var count = Math.Min(from.Shape[2], to.Shape[2]) * width;
        for (var head = 0; head < heads; head++)
        {
            var source = ((fromRow * heads) + head) * from.Shape[2] * width;
            var target = ((toRow * heads) + head) * to.Shape[2] * width;
            from.Floats.AsSpan(source, count).CopyTo(to.Floats.AsSpan(target, count));
        }
    }

    /// <summary>Copies row rows[i] to row i; rows that stay are not copied.</summary>
    public static void Reorder(HostTensor cache, IReadOnlyList<int> rows)
    {
        var size = cache.Shape[1] * cache.Shape[2] * cache.Shape[3];
        var moved = Enumerable.Range(0, rows.Count).Where(row => rows[row] != row).ToArray();
        var aside = ArrayPool<float>.Shared.Rent(moved.Length * size);
        for (var i = 0; i < moved.Length; i++)
        {
            cache.Floats.AsSpan(rows[moved[i]] * size, size).CopyTo(aside.AsSpan(i * size));
        }

        for (var i = 0; i < moved.Length; i++)
        {
            aside.AsSpan(i * size, size).CopyTo(cache.Floats.AsSpan(moved[i] * size));
        }

        ArrayPool<float>.Shared.Return(aside);
    }

    /// <summary>Stores one new position [B, K, 1, D] of one row.</summary>
    public static void Store(HostTensor added, HostTensor cache, int row, int position)
    {
        var (heads, width) = (cache.Shape[1], cache.Shape[3]);
        for (var head = 0; head < heads; head++)
        {
            var source = ((row * heads) + head) * width;
            var target = ((((row * heads) + head) * cache.Shape[2]) + position) * width;
            added.Floats.AsSpan(source, width).CopyTo(cache.Floats.AsSpan(target, width));
        }
    }
}
