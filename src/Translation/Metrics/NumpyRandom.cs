namespace Workflows.Translation.Metrics;

/// <summary>numpy's <c>default_rng(seed)</c>: PCG64 (XSL-RR 128/64) seeded by SeedSequence.</summary>
/// <remarks>
/// O'Neill 2014, and numpy's SeedSequence, so that p-values are equal to sacreBLEU's for the same seed.
/// </remarks>
internal sealed class NumpyRandom
{
    private static readonly UInt128 Multiplier = new(0x2360ed051fc65da4, 0x4385df649fccf645);

    private UInt128 _state;
    private readonly UInt128 _increment;
    private ulong _buffered;
    private bool _isHalfUsed;
    private uint _bits;
    private int _bitsLeft;

    public NumpyRandom(ulong seed)
    {
        Span<ulong> words = stackalloc ulong[4];
        SeedWords(seed, words);
        var initial = new UInt128(words[0], words[1]);
        _increment = (new UInt128(words[2], words[3]) << 1) | 1;
        _state = _increment;
        _state += initial;
        Step();
    }

    internal UInt128 State => _state;

    internal UInt128 Increment => _increment;

    public ulong NextUInt64()
    {
        Step();
        var (high, low) = ((ulong)(_state >> 64), (ulong)_state);
        return ulong.RotateRight(high ^ low, (int)(high >> 58));
    }

    /// <summary>
    /// Returns a number below <paramref name="limit"/>, as <c>choice</c> draws it (Lemire's method on 32 bits).
    /// </summary>
    public int Choice(int limit)
    {
        var product = (ulong)NextUInt32() * (uint)limit;
        if ((uint)product < (uint)limit)
        {
            var threshold = (uint)((1UL << 32) % (uint)limit);
            while ((uint)product < threshold)
            {
                product = (ulong)NextUInt32() * (uint)limit;
            }
        }

        return (int)(product >> 32);
    }

    /// <summary>Returns one bit, as <c>integers(2, dtype=bool)</c> draws it.</summary>
    public bool NextBoolean()
    {
        if (_bitsLeft == 0)
        {
            _bits = NextUInt32();
            _bitsLeft = 32;
        }

        var bit = (_bits & 1) != 0;
        _bits >>= 1;
        _bitsLeft--;
        return bit;
    }

    internal static void SeedWords(ulong seed, Span<ulong> words)
    {
        Span<uint> pool = stackalloc uint[4];
        pool.Clear();
        (pool[0], pool[1]) = ((uint)seed, (uint)(seed >> 32));
        var constant = 0x43b0d7e5u;
        for (var i = 0; i < pool.Length; i++)
        {
            pool[i] = Hash(pool[i], ref constant, 0x931e8875);
        }

        for (var source = 0; source < pool.Length; source++)
        {
            for (var target = 0; target < pool.Length; target++)
            {
                if (source != target)
                {
                    pool[target] = Mix(pool[target], Hash(pool[source], ref constant, 0x931e8875));
                }
            }
        }

        constant = 0x8b51f9dd;
        for (var i = 0; i < words.Length; i++)
        {
            var low = Hash(pool[2 * i % 4], ref constant, 0x58f38ded);
            var high = Hash(pool[(2 * i + 1) % 4], ref constant, 0x58f38ded);
            words[i] = ((ulong)high << 32) | low;
        }
    }

    private static uint Hash(uint value, ref uint constant, uint factor)
    {
        value ^= constant;
        constant *= factor;
        value *= constant;
        return value ^ (value >> 16);
    }

    private static uint Mix(uint left, uint right)
    {
        var result = 0xca01f9dd * left - 0x4973f715 * right;
        return result ^ (result >> 16);
    }

    private uint NextUInt32()
    {
        _isHalfUsed = !_isHalfUsed;
        if (!_isHalfUsed)
        {
            return (uint)(_buffered >> 32);
        }

        _buffered = NextUInt64();
        return (uint)_buffered;
    }

    private void Step() => _state = _state * Multiplier + _increment;
}
