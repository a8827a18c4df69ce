using System.Text;

namespace Workflows.Translation.Tokenization;

/// <summary>
/// Gemma's tokenizer: byte-pair encoding over characters, with byte tokens for characters that the vocabulary lacks.
/// Immutable, so one instance may serve many threads.
/// </summary>
/// <remarks>
/// Added tokens are matched in the raw text first (longest match); in the rest, " " becomes "▁", each character its
/// token (or the tokens of its UTF-8 bytes), and neighbours are merged by rank, leftmost first among equals. Decoding
/// turns "▁" back into " ", so a literal "▁" does not survive; all other valid text does.
/// </remarks>
public sealed partial class BpeTokenizer
{
    private const char SpaceMark = '▁';

    private readonly string[] _tokens;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<ulong, (int Rank, int Id)> _merges;
    private readonly Dictionary<int, int> _characters;
    private readonly int[] _bytes;
    private readonly int[] _byteOfToken;
    private readonly bool[] _isSpecial;
    private readonly AddedTokenMatcher _allAdded;
    private readonly AddedTokenMatcher _plainAdded;

    /// <summary>Number of token ids; every id is below it.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>Pads a batch to its width.</summary>
    public int PadId { get; }

    /// <summary>Ends a document.</summary>
    public int EosId { get; }

    /// <summary>Begins every input.</summary>
    public int BosId { get; }

    /// <summary>The id of the unknown token; text never produces it, since every byte has a token.</summary>
    public int UnkId { get; }

    /// <summary>Begins a turn of the chat format.</summary>
    public int StartOfTurnId { get; }

    /// <summary>Ends a turn of the chat format; generation stops here.</summary>
    public int EndOfTurnId { get; }

    /// <summary>Encodes trusted text, in which a written "&lt;end_of_turn&gt;" becomes that control token.</summary>
    /// <param name="text">Text of any length; an unpaired surrogate counts as U+FFFD.</param>
    /// <param name="addBos">true to begin with <see cref="BosId"/>.</param>
    /// <returns>The token ids.</returns>
    public int[] Encode(string text, bool addBos = false)
    {
        ArgumentNullException.ThrowIfNull(text);

        var ids = new List<int>(text.Length / 2 + 2);
        if (addBos)
        {
            ids.Add(BosId);
        }

        Encode(text, _allAdded, ids);
        return [.. ids];
    }

    /// <summary>
    /// Encodes untrusted text, which never produces a control token.
    /// </summary>
    /// <param name="text">Text of any length; an unpaired surrogate counts as U+FFFD.</param>
    /// <returns>
    /// The token ids, equal to those of <see cref="Encode(string, bool)"/> if the text names no control token.
    /// </returns>
    public int[] EncodeText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);

        var ids = new List<int>(text.Length / 2 + 2);
        Encode(text, _plainAdded, ids);
        return [.. ids];
    }

    /// <summary>Decodes ids to text.</summary>
    /// <param name="ids">Ids below <see cref="VocabularySize"/>.</param>
    /// <param name="skipSpecial">true to omit control tokens.</param>
    /// <returns>The text; each byte of a broken UTF-8 sequence becomes U+FFFD.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not in the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true)
    {
        var text = new StringBuilder();
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)_tokens.Length)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(ids), id, $"Cannot decode token {id}: the vocabulary has {_tokens.Length} tokens.");
            }

            if (skipSpecial && _isSpecial[id])
            {
                continue;
            }

            if (_byteOfToken[id] >= 0)
            {
                bytes.Add((byte)_byteOfToken[id]);
                continue;
            }

            FlushBytes(bytes, text);
            text.Append(_tokens[id]).Replace(SpaceMark, ' ', text.Length - _tokens[id].Length, _tokens[id].Length);
        }

        FlushBytes(bytes, text);
        return text.ToString();
    }

    /// <summary>Finds the id of a token by its exact text, such as "&lt;start_of_turn&gt;".</summary>
    /// <param name="token">The token as the file writes it.</param>
    /// <param name="id">The id, or 0 if there is no such token.</param>
    /// <returns>true if the vocabulary has it.</returns>
    public bool TryGetId(string token, out int id) => _ids.TryGetValue(token, out id);

    /// <summary>
    /// Finds a token without a row in an embedding that text, a prompt or decoding can produce.
    /// </summary>
    /// <param name="rows">Rows of the embedding.</param>
    /// <returns>
    /// The smallest such id: of a byte, a character, a merge, an added token that is matched in text, or a control
    /// token of the chat format; null if every one of them has a row.
    /// </returns>
    public int? FindWithoutRow(int rows)
    {
        int[] control = [PadId, EosId, BosId, StartOfTurnId, EndOfTurnId];
        return control.Concat(_bytes).Concat(_characters.Values).Concat(_merges.Values.Select(merge => merge.Id))
            .Concat(_allAdded.Ids).Where(id => id >= rows).Select(id => (int?)id).Min();
    }

    /// <summary>Returns the text of a token in the file.</summary>
    /// <param name="id">An id below <see cref="VocabularySize"/>.</param>
    /// <returns>The token's text; "" for an id that the file does not have.</returns>
    public string TokenOf(int id) => _tokens[id];

    /// <summary>Returns whether an id is a control token, which <see cref="Decode"/> omits on request.</summary>
    /// <param name="id">An id below <see cref="VocabularySize"/>.</param>
    /// <returns>true for "&lt;bos&gt;", "&lt;end_of_turn&gt;" and similar tokens.</returns>
    public bool IsSpecial(int id) => _isSpecial[id];

    private static void FlushBytes(List<byte> bytes, StringBuilder text)
    {
        if (bytes.Count == 0)
        {
            return;
        }

        try
        {
            text.Append(StrictUtf8.GetString([.. bytes]));
        }
        catch (DecoderFallbackException)
        {
            text.Append('\uFFFD', bytes.Count);
        }

        bytes.Clear();
    }

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private void Encode(string text, AddedTokenMatcher added, List<int> ids)
    {
        var position = 0;
        while (added.TryFind(text, position, out var start, out var length, out var id))
        {
            EncodePiece(text.AsSpan(position, start - position), ids);
            ids.Add(id);
            position = start + length;
        }

        EncodePiece(text.AsSpan(position), ids);
    }

    private void EncodePiece(ReadOnlySpan<char> text, List<int> ids)
    {
        if (text.IsEmpty)
        {
            return;
        }

        var symbols = new List<Symbol>(text.Length);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            var value = rune.Value == ' ' ? SpaceMark : rune.Value;
            if (_characters.TryGetValue(value, out var id))
            {
                symbols.Add(new Symbol(id, symbols.Count - 1, symbols.Count + 1));
                continue;
            }

            var count = new Rune(value).EncodeToUtf8(utf8);
            foreach (var part in utf8[..count])
            {
                symbols.Add(new Symbol(_bytes[part], symbols.Count - 1, symbols.Count + 1));
            }
        }

        Merge(symbols);
        for (var i = 0; i < symbols.Count; i = symbols[i].Next)
        {
            ids.Add(symbols[i].Id);
        }
    }

    private void Merge(List<Symbol> list)
    {
        var symbols = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(list);
        // Rank in the high half and position in the low one: the smallest rank first, leftmost among equals.
        var queue = new PriorityQueue<(int Position, int Id), ulong>(symbols.Length);
        for (var i = 0; i + 1 < symbols.Length; i++)
        {
            Offer(queue, symbols, i);
        }

        while (queue.TryDequeue(out var merge, out _))
        {
            ref var left = ref symbols[merge.Position];
            // The pair may have changed since it was queued.
            if (left.Id < 0 || left.Next >= symbols.Length
                || !_merges.TryGetValue(Pair(left.Id, symbols[left.Next].Id), out var now) || now.Id != merge.Id)
            {
                continue;
            }

            ref var right = ref symbols[left.Next];
            left.Id = merge.Id;
            left.Next = right.Next;
            right.Id = -1;
            if (left.Next < symbols.Length)
            {
                symbols[left.Next].Previous = merge.Position;
                Offer(queue, symbols, merge.Position);
            }

            if (left.Previous >= 0)
            {
                Offer(queue, symbols, left.Previous);
            }
        }
    }

    private void Offer(PriorityQueue<(int Position, int Id), ulong> queue, Span<Symbol> symbols, int position)
    {
        var pair = Pair(symbols[position].Id, symbols[symbols[position].Next].Id);
        if (_merges.TryGetValue(pair, out var merge))
        {
            queue.Enqueue((position, merge.Id), ((ulong)(uint)merge.Rank << 32) | (uint)position);
        }
    }

    private static ulong Pair(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private record struct Symbol(int Id, int Previous, int Next);
}
