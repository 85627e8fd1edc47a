-- Three primary tactics or more by one principal within 24 hours of each other, over the view steps.
SELECT a.principal AS principal, a.seen AS first_seen, count(DISTINCT b.tactic) AS tactics
FROM steps AS a
JOIN steps AS b ON a.principal = b.principal
WHERE b.seen >= a.seen AND b.seen <= a.seen + INTERVAL 24 HOUR
GROUP BY a.principal, a.seen
HAVING count(DISTINCT b.tactic) >= 3
ORDER BY first_seen
