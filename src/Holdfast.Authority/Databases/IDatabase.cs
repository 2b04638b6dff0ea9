namespace Holdfast.Authority.Databases;

/// <summary>What a database is for: it decides which numbered SQL makes it.</summary>
internal enum DatabaseKind
{
    /// <summary>Who there is, and where each account lives.</summary>
    Directory,

    /// <summary>Everything that belongs to accounts.</summary>
    Accounts,
}

/// <summary>The seam to a database engine. The SQL that goes through it is the same for every engine; only the schema is written for each.</summary>
/// <remarks>An engine that cannot be reached is the failure service_unavailable; a full disk is pod_unavailable; whatever else goes wrong is the caller's mistake and keeps its type.</remarks>
internal interface IDatabase : IAsyncDisposable
{
    /// <summary>Runs one write; durable when it returns, undone if <paramref name="action"/> throws before its last statement (<see cref="DatabaseTransaction.ExecuteLastAsync(string, object?)"/>). A row that a statement changed stays locked until then.</summary>
    Task<T> WriteAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation);

    /// <summary>Runs one read in which every statement sees the same moment. It may be run again from the start.</summary>
    Task<T> ReadAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation);

    /// <summary>As <see cref="ReadAsync"/>, for one question: one round trip.</summary>
    /// <param name="question">Sends one command; a second one is a mistake in the program.</param>
    /// <param name="cancellation">Ends waiting.</param>
    Task<T> AskAsync<T>(Func<DatabaseTransaction, Task<T>> question, CancellationToken cancellation);

    /// <summary>The tables of its kind.</summary>
    IReadOnlyCollection<string> Tables { get; }

    /// <summary>Makes sure, as far as the engine can, that rows which were deleted from tables are not on the disk any more.</summary>
    Task ForgetDeletedAsync(IReadOnlyCollection<string> tables, CancellationToken cancellation);

    /// <summary>All tables that there are, and their columns: also those that this program does not know.</summary>
    Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> ColumnsAsync(CancellationToken cancellation);

    /// <summary>Makes an index, unless it is there, without keeping writers waiting; an engine that cannot has those that it needs in its schema.</summary>
    Task MakeIndexAsync(string name, string table, IReadOnlyList<string> columns, CancellationToken cancellation);

    /// <summary>Drops an index that <see cref="MakeIndexAsync"/> made.</summary>
    /// <param name="name">The index.</param>
    /// <param name="isNeeded">Asked once nobody makes it, nor begins to until it is dropped: then it stays.</param>
    /// <param name="cancellation">Ends waiting.</param>
    Task DropIndexAsync(string name, Func<Task<bool>> isNeeded, CancellationToken cancellation);

    /// <summary>How large it is, cheaply.</summary>
    Task<DatabaseSize> SizeAsync(CancellationToken cancellation);
}

/// <summary>How large a database is.</summary>
/// <param name="Bytes">On its disk.</param>
/// <param name="Tables">Each table; rows are estimates where counting would be dear, bytes are null where the engine does not say.</param>
internal sealed record DatabaseSize(long Bytes, IReadOnlyList<TableSize> Tables);

internal sealed record TableSize(string Table, long Rows, long? Bytes);
