namespace Workflows.Service.Access;

/// <summary>The place of the list of keys: a file of one service, or a document that several share.</summary>
internal interface IKeyContent
{
    /// <summary>Gets the place, for messages.</summary>
    public string Place { get; }

    /// <summary>Gets the sentence that says how a place is mended that cannot be read.</summary>
    public string Fix { get; }

    /// <summary>Gets a value that is another one after each change.</summary>
    public (long, long) Stamp { get; }

    /// <summary>Reads the content.</summary>
    /// <returns>null if there is none.</returns>
    public byte[]? Read();

    /// <summary>Changes the content while nobody else does.</summary>
    /// <param name="change">Returns the new content for the old one.</param>
    /// <param name="cancellation">Cancels the wait for another one's change.</param>
    public Task ChangeAsync(Func<byte[]?, byte[]> change, CancellationToken cancellation);
}
