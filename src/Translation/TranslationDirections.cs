namespace Workflows.Translation;

/// <summary>Converts directions to and from their text in files, messages and the command line.</summary>
public static class TranslationDirections
{
    internal const string KoToEnCode = "ko-en", EnToKoCode = "en-ko";

    private const string BothCode = "both";

    /// <summary>Both directions, Korean to English first.</summary>
    public static IReadOnlyList<TranslationDirection> Both { get; } =
        [TranslationDirection.KoToEn, TranslationDirection.EnToKo];

    /// <summary>Returns the code of a direction.</summary>
    /// <param name="direction">The direction.</param>
    /// <returns><c>ko-en</c> or <c>en-ko</c>.</returns>
    public static string Code(this TranslationDirection direction) => direction switch
    {
        TranslationDirection.KoToEn => KoToEnCode,
        TranslationDirection.EnToKo => EnToKoCode,
        _ => throw new ArgumentOutOfRangeException(nameof(direction), direction, "It is no direction."),
    };

    /// <summary>Returns the code of one direction or of both.</summary>
    /// <param name="directions">One direction, or both.</param>
    /// <returns><c>ko-en</c>, <c>en-ko</c> or <c>both</c>.</returns>
    /// <exception cref="ArgumentException">The list is empty.</exception>
    public static string Code(this IReadOnlyList<TranslationDirection> directions) =>
        directions.Distinct().Count() switch
        {
            1 => directions[0].Code(),
            2 => BothCode,
            _ => throw new ArgumentException("No direction is named.", nameof(directions)),
        };

    /// <summary>Finds the directions of a code.</summary>
    /// <param name="code"><c>ko-en</c>, <c>en-ko</c> or <c>both</c>.</param>
    /// <param name="directions">One direction, or both in the order of <see cref="Both"/>.</param>
    /// <returns>false for any other text.</returns>
    public static bool TryParse(string? code, out IReadOnlyList<TranslationDirection> directions)
    {
        directions = code switch
        {
            KoToEnCode => [TranslationDirection.KoToEn],
            EnToKoCode => [TranslationDirection.EnToKo],
            BothCode => Both,
            _ => [],
        };
        return directions.Count > 0;
    }
}
