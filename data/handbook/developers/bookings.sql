-- The booking database of Nordlys Night Trains: the tables that other teams may read.
-- Version 14, 2 March 2026. Questions to opendata@nordlys.example.

-- A night is one run of one train. It has the date of the evening on which the train departs.
CREATE TABLE night (
    train       TEXT NOT NULL,              -- 'NL 402'
    date        DATE NOT NULL,
    cancelled   BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (train, date)
);

CREATE TABLE berth (
    car         SMALLINT NOT NULL CHECK (car BETWEEN 21 AND 31),
    number      SMALLINT NOT NULL,          -- first digit: cabin; second digit: berth
    class       TEXT NOT NULL CHECK (class IN ('seat', 'couchette', 'sleeper', 'sleeper plus')),
    women_only  BOOLEAN NOT NULL DEFAULT FALSE,  -- car 22, berths 61 to 66
    PRIMARY KEY (car, number)
);

-- A booking number has six letters and never contains I, O or Q, which look like 1, 0 and 0.
CREATE TABLE booking (
    number      CHAR(6) PRIMARY KEY CHECK (number ~ '^[A-HJ-NPR-Z]{6}$'),
    email       TEXT NOT NULL,
    fee_cents   INTEGER NOT NULL DEFAULT 350,
    made_at     TIMESTAMPTZ NOT NULL
);

-- A berth in a basket is held for 15 minutes. The job "sweeper" deletes holds every 30 seconds.
CREATE TABLE hold (
    car         SMALLINT NOT NULL,
    number      SMALLINT NOT NULL,
    train       TEXT NOT NULL,
    date        DATE NOT NULL,
    until       TIMESTAMPTZ NOT NULL,
    FOREIGN KEY (train, date) REFERENCES night,
    FOREIGN KEY (car, number) REFERENCES berth
);

CREATE TABLE ticket (
    id          BIGINT PRIMARY KEY,
    booking     CHAR(6) NOT NULL REFERENCES booking,
    train       TEXT NOT NULL,
    date        DATE NOT NULL,
    car         SMALLINT NOT NULL,
    number      SMALLINT NOT NULL,
    fare        TEXT NOT NULL CHECK (fare IN ('Early Owl', 'Standard', 'Flex')),
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),  -- 0 for a companion or a child under 6
    scanned_at  TIMESTAMPTZ,                -- NULL: never scanned
    FOREIGN KEY (train, date) REFERENCES night,
    FOREIGN KEY (car, number) REFERENCES berth
);

CREATE TABLE refund (
    ticket      BIGINT NOT NULL REFERENCES ticket,
    asked_at    TIMESTAMPTZ NOT NULL,
    paid_at     TIMESTAMPTZ,                -- within five working days of asked_at
    cents       INTEGER NOT NULL,
    rules       SMALLINT NOT NULL CHECK (rules IN (2024, 2026))  -- by the day of the booking
);

-- Names, birthdays and passports are in another database, which this one cannot reach.
-- Rows of booking are emptied of the e-mail address 400 days after the last night.

-- How full was a train? The share of berths and seats that were sold for one night.
CREATE VIEW fullness AS
SELECT train, date, COUNT(ticket.id)::REAL / (SELECT COUNT(*) FROM berth) AS share
FROM night LEFT JOIN ticket USING (train, date)
GROUP BY train, date;
